"""A JSON array of records, which Fluent Bit, Logstash, OpenObserve and many services take. Pure."""

from collections.abc import Mapping
from typing import Final

from queue_telemetry.logs.formats.ndjson import NdjsonFormat

__all__ = ["JsonFormat"]

_HEADERS: Final = {"content-type": "application/json"}  # exactly: some refuse it with a charset


class JsonFormat(NdjsonFormat):
    """Sends the lines of NDJSON as one array; any 2xx means that all of them are in, unless its receipt says otherwise.

    Source: https://docs.fluentbit.io/manual/pipeline/inputs/http,
    https://www.elastic.co/docs/reference/logstash/plugins/plugins-inputs-http
    """

    name = "json"
    headers: Mapping[str, str] = _HEADERS
    max_batch_bytes = 3_900_000  # Fluent Bit's buffer is 4 MB, for headers and body
    max_record_bytes = 1_000_000

    def body(self, lines: bytearray) -> bytes | bytearray:
        """Return the lines between brackets, with commas for newlines."""
        return b"[" + bytes(lines[:-1]).replace(b"\n", b",") + b"]"
