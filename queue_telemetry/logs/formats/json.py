"""A JSON array of records, which Fluent Bit, Logstash, OpenObserve and many services take. Pure."""

import math
from collections.abc import Mapping
from typing import Final

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Verdict
from queue_telemetry.logs.formats._receipt import read_receipt

__all__ = ["JsonFormat"]

_HEADERS: Final = {"content-type": "application/json"}  # exactly: some refuse it with a charset


class JsonFormat:
    """Sends the lines as one array; any 2xx means that all of them are in, unless its receipt says otherwise.

    Source: https://docs.fluentbit.io/manual/pipeline/inputs/http,
    https://www.elastic.co/docs/reference/logstash/plugins/plugins-inputs-http
    """

    name = "json"
    headers: Mapping[str, str] = _HEADERS
    max_records = 1_000  # larger batches are no faster
    max_batch_bytes = 3_900_000  # Fluent Bit's buffer is 4 MB, for headers and body
    max_record_bytes = 1_000_000
    max_answer_bytes = 64 * 1024
    max_age_s = math.inf

    def url(self, url: str) -> str:
        """Return the *url* as it is: each collector has a path of its own."""
        return url

    def authorization(self, token: str) -> Mapping[str, str]:
        """Send the *token* as Bearer.

        Source: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
        """
        return {"authorization": f"Bearer {token}"}

    def body(self, lines: bytearray) -> bytes | bytearray:
        """Return the lines between brackets, with commas for newlines."""
        return b"[" + bytes(lines[:-1]).replace(b"\n", b",") + b"]"

    def read(self, answer: Answer, records: int) -> Verdict:
        """Judge by the status, and by the receipt of a service that gives one."""
        return read_receipt(answer, records)
