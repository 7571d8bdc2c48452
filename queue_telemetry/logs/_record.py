"""Build the flat record that goes over the wire from loguru's record and the running task's fields."""

import os
import secrets
import time
from collections.abc import Callable, Container, Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Final

from queue_telemetry.logs._error import error_fields
from queue_telemetry.logs._redaction import Redactor
from queue_telemetry.logs._sanitizer import Shortened
from queue_telemetry.logs._text import KEPT_CHARS, LONGEST_CHARS, cut_end, name_of, text_of

if TYPE_CHECKING:
    import loguru

__all__ = ["RecordBuilder", "free_key"]

_RESERVED: Final = frozenset(
    {
        "timestamp",
        "level",
        "event",
        "message",
        "error",
        "record_id",
        "serialization_error",
        "truncated",
        "original_bytes",
        "service",
        "env",
        "version",
    }
)
"""Keys whose meaning and type never change, so that a collector's index keeps one type for each.

The last three find records at collectors, which make a stream of each value: not for a value that comes with a record.
"""

_FIRST: Final = 1_000_000_000  # so that ids of one process sort as text without the price of padding them


class RecordBuilder:
    """Builds flat records: the library's keys first, then the task's, then the user's own.

    Called by any thread, several at a time; keeps no reference to what it is given.

    Args:
        constants: Fields of every record, such as service, env, version and host; none of a reserved key.
        context: Returns the fields of the running task, and of a lifecycle record its event, outcome and durations.
            They win over the user's keys and over logger, function and line. Must not block.
        redactor: Hides secrets in the context, the user's fields, the message and the exception.
    """

    def __init__(
        self, constants: Mapping[str, object], context: Callable[[], Mapping[str, object]], redactor: Redactor
    ) -> None:
        self._constants = constants
        self._context = context
        self._redact = redactor.redact
        self._scrub = redactor.scrub
        self._second: tuple[object, str] = (None, "")
        self._pid = 0
        self._ids: Iterator[str] = iter(())

    def build(self, record: "loguru.Record") -> dict[str, object]:
        """Return the flat record.

        Args:
            record: Loguru's record; it and its values are left as they are, since other handlers share them.

        Returns:
            A new dict of plain values.

        Raises:
            Exception: What *context* raised, or a record that a user's patcher left incomplete.
        """
        pid = record["process"].id
        if pid != self._pid:
            self._begin(pid)
        message = record["message"]
        if type(message) is not str:
            message = text_of(message)  # a patcher's
        cut_chars = len(message) - KEPT_CHARS if len(message) > LONGEST_CHARS else 0
        if cut_chars:
            message = cut_end(message, KEPT_CHARS)
        flat: dict[str, object] = {
            "timestamp": self._timestamp(record["time"]),
            "level": record["level"].name,
            "message": self._scrub(message),
            **self._constants,
            "pid": pid,
            "thread": record["thread"].name,
            "logger": record["name"],
            "function": record["function"],
            "line": record["line"],
            "record_id": next(self._ids),
        }
        if flat["logger"] is None:
            del flat["logger"]
        context = self._context()
        if context:
            fields = self._redact(context)
            cut_chars += _cut_from(fields)
            flat.update(fields if None not in fields.values() else _without_nulls(fields))
        exception = record["exception"]
        if exception is not None:
            error = error_fields(*exception, self._scrub)
            if error is not None:
                flat["error"] = error
        extra = record["extra"]
        if extra:
            fields = self._redact(extra)
            cut_chars += _cut_from(fields)
            _merge(flat, fields)
        if cut_chars:
            flat["truncated"] = True
            flat["original_bytes"] = cut_chars  # to which the encoder adds what is left
        return flat

    def salvage(self, record: "loguru.Record", error: Exception) -> dict[str, object]:
        """Return what can be had of *record* after `build` raised *error*.

        Must not raise, but for a task's time limit.
        """
        if not self._pid:
            self._begin(os.getpid())
        flat: dict[str, object] = {
            "timestamp": self._timestamp(datetime.now(UTC)),
            **self._constants,
            "record_id": next(self._ids),
            "serialization_error": self._scrub(f"{name_of(error)}: {text_of(error)}"),
        }
        fields: Mapping[str, object] = {**record}  # a patcher may have taken any of them out
        flat["level"] = text_of(getattr(fields.get("level"), "name", "INFO"))
        flat["message"] = self._scrub(cut_end(text_of(fields.get("message", "")), KEPT_CHARS))
        for name, key in (("logger", "name"), ("function", "function"), ("line", "line")):
            if fields.get(key) is not None:
                flat[name] = fields[key]
        return flat

    def _timestamp(self, moment: datetime) -> str:
        """Return RFC 3339 in UTC, always with microseconds, so that texts sort as times do.

        Source: https://www.rfc-editor.org/rfc/rfc3339#section-5.6
        """
        # the text of a second is kept: many records share it, and finding the offset is what costs
        second = (moment.second, moment.minute, moment.hour, moment.toordinal(), moment.tzinfo)
        known, text = self._second
        if second != known:
            text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = (second, text)
        return f"{text}.{moment.microsecond:06d}Z"

    def _begin(self, pid: int) -> None:
        # a forked child must not repeat its parent's ids; the time keeps processes in order, the rest apart
        prefix = f"{time.time_ns() // 1_000_000:011x}{secrets.token_hex(5)}-"
        self._ids = map(prefix.__add__, map(str, count(_FIRST)))
        self._pid = pid


def free_key(key: str, *taken: Container[str]) -> str:
    """Return *key*, behind as many `extra_` as it takes to be in none of *taken*."""
    while any(key in keys for keys in taken):
        key = f"extra_{key}"
    return key


def _cut_from(fields: Mapping[str, object]) -> int:
    return fields.characters_cut if type(fields) is Shortened else 0


def _without_nulls(fields: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in fields.items() if value is not None}


def _merge(flat: dict[str, object], extra: Mapping[str, object]) -> None:
    """Add the user's keys; one that means something else here becomes `extra_<key>`."""
    for key, value in extra.items():
        if key not in flat and key not in _RESERVED:
            flat[key] = value
        elif key not in flat or flat[key] != value:
            flat[free_key(f"extra_{key}", flat, extra)] = value
