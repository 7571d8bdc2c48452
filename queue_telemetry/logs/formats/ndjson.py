"""Newline-delimited JSON, which Vector, Better Stack, Axiom, ClickHouse and most collectors take. Pure."""

import math
from collections.abc import Mapping
from typing import Final

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Verdict
from queue_telemetry.logs.formats._receipt import read_receipt

__all__ = ["NdjsonFormat"]

_HEADERS: Final = {"content-type": "application/x-ndjson"}


class NdjsonFormat:
    """Sends the lines as they are; any 2xx means that all of them are in, unless its receipt says otherwise.

    Source: https://github.com/ndjson/ndjson-spec
    """

    name = "ndjson"
    headers: Mapping[str, str] = _HEADERS
    max_records = 1_000  # larger batches are no faster
    max_batch_bytes = (
        16 * 1024 * 1024
    )  # what the setting allows; who takes less answers 413, and that is learned
    max_record_bytes = 1024 * 1024
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
        """Return the very same lines."""
        return lines

    def read(self, answer: Answer, records: int) -> Verdict:
        """Judge by the status, and by the receipt of a service that gives one."""
        return read_receipt(answer, records)
