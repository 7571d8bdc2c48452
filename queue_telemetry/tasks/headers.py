"""The headers that travel with a task, so that the worker knows its id, its attempt and how long it waited."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Final

__all__ = [
    "Headers",
    "id_text",
    "known_ids",
    "not_before_s",
    "read_attempt",
    "read_epoch_s",
    "read_text",
    "stamp",
]

TASK_ID: Final = "qt-task-id"
ATTEMPT: Final = "qt-attempt"
PARENT_ID: Final = "qt-parent-id"
ENQUEUED_AT: Final = "qt-enqueued-at"
NOT_BEFORE: Final = "qt-not-before"
FIRST_ENQUEUED_AT: Final = "qt-first-enqueued-at"

Headers = Mapping[str, object]
"""What a broker gives back: string keys; values as text, bytes or numbers. Keys of others are left alone."""

_MAX_ID_CHARS: Final = 200
_MAX_ATTEMPT: Final = 1_000_000
_SANE_EPOCH_S: Final = range(
    10**9, 2**36
)  # a stamp outside is of another clock or unit: monotonic, milliseconds


def read_text(headers: Headers | None, key: str) -> str | None:
    """Return a header as text, None when it is absent or empty. Must not raise."""
    try:
        value = None if headers is None else headers.get(key)
        if value is None:
            return None
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    except Exception:  # noqa: BLE001 - headers come from the user's broker, in whatever class it has
        return None
    return text[:_MAX_ID_CHARS] or None


def id_text(task_id: object) -> str | None:
    """Return a task id as text, None when there is none. Must not raise."""
    if task_id is None:
        return None
    try:
        return str(task_id)[:_MAX_ID_CHARS] or None
    except Exception:  # noqa: BLE001 - the user's class answers here
        return None


def known_ids(task_id: str | None, headers: Headers | None) -> frozenset[str]:
    """Return every id that a task is known by: the one it was given and the one in its headers. They may differ."""
    return frozenset(known for known in (task_id, read_text(headers, TASK_ID)) if known is not None)


def read_attempt(headers: Headers | None) -> int:
    """Return the attempt that the headers tell, 1 when they tell none."""
    text = read_text(headers, ATTEMPT)
    if text is None or not text.isascii() or not text.isdigit() or len(text) > len(str(_MAX_ATTEMPT)):
        return 1
    return min(max(int(text), 1), _MAX_ATTEMPT)


def read_epoch_s(value: object) -> float | None:
    """Return a stamp as seconds since the epoch, None when it is none or makes no sense. Must not raise."""
    try:
        if isinstance(value, bytes):
            value = value.decode("ascii")
        stamp_s = float(value)  # type: ignore[arg-type] # whatever has no float is caught below
    except Exception:  # noqa: BLE001 - the value comes from the user's broker
        return None
    return stamp_s if math.isfinite(stamp_s) and int(stamp_s) in _SANE_EPOCH_S else None


def not_before_s(value: float | datetime | None) -> float | None:
    """Return the user's `not_before` as seconds since the epoch; a naive datetime is read as local time.

    Must not raise: what cannot be read is None.
    """
    if isinstance(value, datetime):
        try:
            return value.timestamp()
        except (OverflowError, ValueError, OSError):
            return None
    return read_epoch_s(value)


def stamp(epoch_s: float) -> str:
    """Return seconds since the epoch as a header value: decimal, microseconds, no exponent."""
    return f"{epoch_s:.6f}"
