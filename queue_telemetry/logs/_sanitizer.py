"""Copy any value into one that JSON can hold. Pure: no clock, no socket, no state."""

from collections.abc import Mapping
from datetime import date, datetime, time
from enum import Enum
from typing import Final
from uuid import UUID

__all__ = ["clean_text", "sanitize", "text_of"]

_MAX_DEPTH: Final = 8
_MAX_CONTAINERS: Final = 2_000  # see the redaction: nested repetition grows without end
_LARGEST: Final = 2**64 - 1  # what orjson writes as a number
_SMALLEST: Final = -(2**63)
_KEPT: Final = frozenset({bool, float, datetime, date, time, UUID})  # what orjson writes in any case
_CYCLE: Final = "[cycle]"
_TOO_DEEP: Final = "[too deep]"


def text_of(value: object) -> str:
    """Return `str(value)`, or a stand-in when that raises. Must not raise."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a user's __str__
        return f"<unprintable {type(value).__name__}>"


def clean_text(text: str) -> str:
    """Return *text* with each lone surrogate replaced by `?`, so that UTF-8 can hold it."""
    return str.encode(text, "utf-8", "replace").decode("utf-8")


def sanitize(value: object) -> object:
    """Return a copy of plain dicts, lists, strings and numbers: depth 8, no cycles, string keys, 64-bit integers.

    Values of other types become their text. Must not raise.
    """
    return _copy(value, (), [_MAX_CONTAINERS])


def _copy(value: object, path: tuple[int, ...], left: list[int]) -> object:
    kind = type(value)
    if value is None or kind in _KEPT:
        return value
    if kind is int:
        return value if _fits(value) else _digits(value)
    if isinstance(value, (Mapping, list, tuple)) or hasattr(kind, "__dataclass_fields__"):
        return _copy_container(value, path, left)
    if isinstance(value, Enum) and value.value is not value:
        return _copy(value.value, path, left)
    return clean_text(text_of(value))


def _copy_container(value: object, path: tuple[int, ...], left: list[int]) -> object:
    if id(value) in path:
        return _CYCLE
    left[0] -= 1
    if len(path) > _MAX_DEPTH or left[0] < 0:
        return _TOO_DEEP
    inside = (*path, id(value))
    try:
        if isinstance(value, Mapping):
            return {_key(key): _copy(item, inside, left) for key, item in list(value.items())}
        if isinstance(value, (list, tuple)):
            return [_copy(item, inside, left) for item in list(value)]
        names = list(getattr(type(value), "__dataclass_fields__", ()))
        return {name: _copy(getattr(value, name, None), inside, left) for name in names}
    except Exception:  # noqa: BLE001 - a user's container runs here
        return f"<unreadable {type(value).__name__}>"


def _key(key: object) -> str:
    return clean_text(text_of(key))


def _fits(number: object) -> bool:
    return isinstance(number, int) and _SMALLEST <= number <= _LARGEST


def _digits(number: object) -> str:
    try:
        return str(number)
    except ValueError:  # CPython refuses to write more than some thousand digits
        return hex(number) if isinstance(number, int) else text_of(number)
