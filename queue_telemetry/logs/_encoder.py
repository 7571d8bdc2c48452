"""Encode one flat record as one line of JSON, whatever it holds. Pure: no clock, no socket, no state."""

from collections.abc import Mapping
from typing import Final

import orjson

from queue_telemetry.logs._sanitizer import Shortened, sanitize
from queue_telemetry.logs._text import clean_text, cut_middle, text_of
from queue_telemetry.logs._time_limit import pass_on

__all__ = ["MAX_RECORD_BYTES", "encode"]

MAX_RECORD_BYTES: Final = 256 * 1024  # Loki refuses a longer line; the other collectors take more
_OPTIONS: Final = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
_LIMITS: Final = (32 * 1024, 4 * 1024, 512)  # bytes of a value; tried until the record fits
_ESSENTIAL_BYTES: Final = 2 * 1024  # at most six times that when every character is escaped
_ESSENTIAL: Final = (
    "timestamp",
    "level",
    "event",
    "message",
    "task_id",
    "task_type",
    "queue",
    "worker_id",
    "service",
    "env",
    "version",
    "host",
    "logger",
    "function",
    "record_id",
    "serialization_error",
)


def encode(record: dict[str, object]) -> bytes:
    """Return *record* as one line. Must not raise, but for a task's time limit.

    Three attempts: as it is; a sanitised copy; its essential fields with a `serialization_error`. A line over the
    limit is made to fit and says so with `truncated` and `original_bytes`. In a record that is `truncated` already
    its `original_bytes` are what is missing, to which the rest is added.

    Returns:
        UTF-8 with one newline, at its end; at most `MAX_RECORD_BYTES` long. The memory behind it is larger than its
        length: copy it, do not keep it.
    """
    try:
        line = orjson.dumps(record, None, _OPTIONS)
    except Exception as error:  # noqa: BLE001 - text that UTF-8 cannot hold, say
        pass_on(error)
        return _encode_with_care(record)
    return line if len(line) <= MAX_RECORD_BYTES and "truncated" not in record else _marked(record, line)


def _encode_with_care(record: dict[str, object]) -> bytes:
    try:
        record = sanitize(record)
        if type(record) is Shortened:
            record |= {"truncated": True, "original_bytes": record.characters_cut + _missing(record)}
        line = orjson.dumps(record, None, _OPTIONS)
    except Exception as error:  # noqa: BLE001 - the last net
        pass_on(error)
        return _encode_essential(record, serialization_error=_reason(error))
    return line if len(line) <= MAX_RECORD_BYTES and "truncated" not in record else _marked(record, line)


def _marked(record: dict[str, object], line: bytes) -> bytes:
    original_bytes = len(line) + _missing(record)
    if len(line) <= MAX_RECORD_BYTES:
        line = orjson.dumps(record | {"original_bytes": original_bytes}, None, _OPTIONS)
    return line if len(line) <= MAX_RECORD_BYTES else _shorten(record, original_bytes)


def _missing(record: dict[str, object]) -> int:
    missing = record.get("original_bytes")
    return missing if type(missing) is int else 0


def _shorten(record: dict[str, object], original_bytes: int) -> bytes:
    marks: dict[str, object] = {"truncated": True, "original_bytes": original_bytes}
    for limit_bytes in _LIMITS:
        try:
            shorter = {key: _cut(value, limit_bytes) for key, value in record.items()}
            line = orjson.dumps(shorter | marks, None, _OPTIONS)
        except Exception as error:  # noqa: BLE001 - the same object may answer otherwise the second time
            pass_on(error)
            return _encode_essential(record, serialization_error=_reason(error), **marks)
        if len(line) <= MAX_RECORD_BYTES:
            return line
    return _encode_essential(record, **marks)  # thousands of keys


def _cut(value: object, limit_bytes: int) -> object:
    if isinstance(value, str):
        return cut_middle(clean_text(value), limit_bytes)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    encoded = orjson.dumps(value, None, _OPTIONS)
    if len(encoded) <= limit_bytes:
        return value
    if isinstance(value, dict) and "stack" in value:  # an error keeps its shape
        return {str(key): _cut(item, limit_bytes) for key, item in value.items()}
    return cut_middle(encoded.decode("utf-8"), limit_bytes)


def _encode_essential(record: Mapping[str, object], **marks: object) -> bytes:
    essential: dict[str, object] = {}
    for key in _ESSENTIAL:
        value = record.get(key)
        if isinstance(value, str):
            essential[key] = cut_middle(clean_text(value), _ESSENTIAL_BYTES)
    return orjson.dumps(essential | marks, option=_OPTIONS)


def _reason(error: Exception) -> str:
    return cut_middle(clean_text(f"{type(error).__name__}: {text_of(error)}"), _ESSENTIAL_BYTES)
