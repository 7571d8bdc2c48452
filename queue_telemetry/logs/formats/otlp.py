"""OpenTelemetry's protocol: logs in JSON over HTTP. Pure: no clock, no socket, no state."""

import math
import re
from collections.abc import Mapping
from typing import Final

import orjson

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Action, Verdict, excerpt_of, read_status
from queue_telemetry.logs.formats._address import with_path
from queue_telemetry.logs.formats._any_value import any_value, attributes
from queue_telemetry.logs.formats._moment import epoch_us
from queue_telemetry.logs.formats._records import parse, renamed, split, text_of
from queue_telemetry.logs.formats._said import count_in, json_of

__all__ = ["OtlpFormat"]

_HEADERS: Final = {"content-type": "application/json"}  # exactly: some refuse it with a charset
_RESOURCE: Final = {
    "service": "service.name",
    "version": "service.version",
    "env": "deployment.environment.name",
    "host": "host.name",
    "pid": "process.pid",
}
_NAMES: Final = {
    "event": "event.name",
    "function": "code.function.name",
    "line": "code.line.number",
    "thread": "thread.name",
}
_ERROR: Final = {"type": "exception.type", "message": "exception.message", "stack": "exception.stacktrace"}
_TAKEN: Final = frozenset({*_NAMES.values(), *_ERROR.values()})
_SEVERITY: Final = {
    "TRACE": 1,
    "DEBUG": 5,
    "INFO": 9,
    "SUCCESS": 10,  # INFO2: more than information, less than a warning
    "WARNING": 13,
    "ERROR": 17,
    "CRITICAL": 21,
}
_TRACE_ID: Final = re.compile(r"(?!0{32})[0-9a-fA-F]{32}")
_SPAN_ID: Final = re.compile(r"(?!0{16})[0-9a-fA-F]{16}")
_TRANSIENT: Final = frozenset({429, 502, 503, 504})


class OtlpFormat:
    """Sends log records grouped by resource, with the names of the semantic conventions.

    Nothing is longer than 20 MiB even if every value were a nested empty list, two bytes that become thirty; the
    specification allows 64 MiB and the usual collector 20.

    Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp,
    https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/logs/v1/logs.proto
    """

    name = "otlp"
    headers: Mapping[str, str] = _HEADERS
    max_records = 1_000
    max_batch_bytes = 1_250_000
    max_record_bytes = 1024 * 1024
    max_answer_bytes = 4 * 1024 * 1024  # as the specification asks
    max_age_s = math.inf

    def url(self, url: str) -> str:
        """Return *url* with `/v1/logs` where it has no path."""
        return with_path(url, "/v1/logs")

    def authorization(self, token: str) -> Mapping[str, str]:
        """Send the *token* as Bearer."""
        return {"authorization": f"Bearer {token}"}

    def body(self, lines: bytearray) -> bytes | bytearray:
        """Return the request, resources in the order of their first record."""
        resources: dict[bytes, bytearray] = {}
        for line in split(lines):
            record = parse(line)
            resource = {name: record.pop(key) for key, name in _RESOURCE.items() if key in record}
            resource.setdefault("service.name", "unknown_service")
            # written record by record: a batch's worth of objects takes ten times its length
            log_records = resources.setdefault(orjson.dumps(resource), bytearray())
            log_records += b","
            log_records += orjson.dumps(_log_record(record))
        body = bytearray()
        for resource_json, log_records in resources.items():
            body += b',{"resource":'
            body += orjson.dumps({"attributes": attributes(orjson.loads(resource_json))})
            body += b',"scopeLogs":[{"scope":{"name":"queue_telemetry"},"logRecords":'
            log_records[:1] = b"["
            body += log_records
            log_records.clear()
            body += b"]}]}"
        body[:1] = b'{"resourceLogs":['
        body += b"]}"
        return body

    def read(self, answer: Answer, records: int) -> Verdict:
        """Judge by the specification: few statuses may be repeated; a partial success counts what it refused.

        What may not be repeated as it is is searched for the record at fault.
        """
        verdict = read_status(answer)
        if answer.status is None:
            return verdict
        if verdict.action is Action.RETRY and answer.status not in _TRANSIENT:
            return Verdict(Action.BISECT, excerpt=verdict.excerpt)
        if verdict.action is not Action.DECIDED:
            return verdict
        partial = json_of(answer.body).get("partialSuccess")
        if not isinstance(partial, dict):
            return verdict
        refused = min(count_in(partial.get("rejectedLogRecords")), records)
        return Verdict(
            Action.DECIDED, unnamed=refused, excerpt=excerpt_of(text_of(partial.get("errorMessage", "")))
        )


def _log_record(record: dict[str, object]) -> dict[str, object]:
    result: dict[str, object] = {}
    moment_us = epoch_us(record)
    if moment_us is not None:
        del record["timestamp"]
        result["timeUnixNano"] = result["observedTimeUnixNano"] = str(moment_us * 1000)
    level = record.pop("level", None)
    if level is not None:
        text = text_of(level)
        if text in _SEVERITY:
            result["severityNumber"] = _SEVERITY[text]
        result["severityText"] = text
    if "message" in record:
        result["body"] = any_value(record.pop("message"))
    ids: dict[str, object] = {}
    for key, name, pattern in (("trace_id", "traceId", _TRACE_ID), ("span_id", "spanId", _SPAN_ID)):
        value = record.get(key)
        if isinstance(value, str) and pattern.fullmatch(value):
            ids[name] = value
            del record[key]
    error = record.get("error")
    failure: dict[str, object] = {}
    if isinstance(error, dict):
        del record["error"]
        failure = {_ERROR.get(key, f"error.{key}"): value for key, value in error.items()}
    fields = renamed(record, _NAMES, _TAKEN | failure.keys() if failure else _TAKEN)
    result["attributes"] = attributes(fields | failure if failure else fields)
    return result | ids
