"""Datadog's log intake, version 2. Pure: no clock, no socket, no state."""

from collections.abc import Mapping
from typing import Final

import orjson

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Verdict, read_status
from queue_telemetry.logs.formats._address import with_path
from queue_telemetry.logs.formats._moment import epoch_us
from queue_telemetry.logs.formats._records import parse, renamed, split, text_of

__all__ = ["DatadogFormat"]

_HEADERS: Final = {"content-type": "application/json"}
_NAMES: Final = {
    "host": "hostname",
    "level": "status",
    "logger": "logger.name",
    "thread": "logger.thread_name",
    "function": "logger.method_name",
}
# The last would be taken for the record's time before `timestamp` is.
_TAKEN: Final = frozenset({*_NAMES.values(), "ddsource", "ddtags", "source", "@timestamp"})
_TAGS: Final = ("env", "version")  # with `service`, Datadog's unified tags


class DatadogFormat:
    """Sends an array of Datadog's own objects: reserved attributes for what has one, other fields beside them.

    Datadog keeps of a status what it begins with, so that loguru's levels need no table. It takes 5 MB a request,
    1,000 records, 1 MB each, up to 18 hours old.

    Source: https://docs.datadoghq.com/api/latest/logs/#send-logs,
    https://docs.datadoghq.com/logs/log_configuration/attributes_naming_convention/#reserved-attributes
    """

    name = "datadog"
    headers: Mapping[str, str] = _HEADERS
    max_records = 1_000
    max_batch_bytes = 4_500_000  # of 5,000,000, with 500 a record for longer names and the tags
    max_record_bytes = 1_000_000
    max_answer_bytes = 64 * 1024
    max_age_s = 18 * 3600.0

    def url(self, url: str) -> str:
        """Return *url* with `/api/v2/logs` where it has no path."""
        return with_path(url, "/api/v2/logs")

    def authorization(self, token: str) -> Mapping[str, str]:
        """Send the *token* as Datadog's API key."""
        return {"dd-api-key": token}

    def body(self, lines: bytearray) -> bytes | bytearray:
        """Return the array."""
        body = bytearray()
        for line in split(lines):  # added at once, since results of orjson take several times their length
            body += b","
            body += _entry(parse(line))
        body[:1] = b"["
        body += b"]"
        return body

    def read(self, answer: Answer, records: int) -> Verdict:  # noqa: ARG002 - the answer is about all of them
        """Judge by the status alone: 202 takes all, 403 is a wrong key."""
        return read_status(answer)


def _entry(record: dict[str, object]) -> bytes:
    tags = [f"{key}:{_tag_value(record.pop(key))}" for key in _TAGS if key in record]
    moment_us = epoch_us(record)
    if moment_us is not None:
        record["timestamp"] = moment_us // 1000
    error = record.get("error")
    if isinstance(error, dict) and "type" in error:
        record["error"] = {"kind" if key == "type" else key: value for key, value in error.items()}
    if "level" in record:
        record["level"] = text_of(record["level"]).lower()
    entry = renamed(record, _NAMES, _TAKEN)
    entry["ddsource"] = "python"
    if tags:
        entry["ddtags"] = ",".join(tags)
    return orjson.dumps(entry)


def _tag_value(value: object) -> str:
    return text_of(value).replace(",", "_")  # a comma would begin another tag
