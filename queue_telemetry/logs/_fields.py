"""Read the fields of objects whose fields have names, and the text of keys. Pure: no clock, no socket, no state."""

from enum import Enum
from types import SimpleNamespace
from typing import Final

from queue_telemetry.logs._text import clean_text, name_of, text_of
from queue_telemetry.logs._time_limit import pass_on

__all__ = ["key_text", "named_fields"]

_FIELDS: Final = ("__dataclass_fields__", "__attrs_attrs__", "__pydantic_fields__", "__struct_fields__")
"""Where classes keep the names of their fields: the standard library's, attrs', pydantic's, msgspec's."""


def named_fields(value: object) -> list[tuple[object, object]] | None:
    """Return the names and values of an object's fields, one that cannot be read as a note; None of other objects.

    Raises:
        Exception: What its class raises.
    """
    if isinstance(value, SimpleNamespace):
        return list(vars(value).items())
    kind = type(value)
    markers = (*_FIELDS, "_fields") if isinstance(value, tuple) else _FIELDS
    for marker in markers:
        fields = getattr(kind, marker, None)
        if fields is not None:
            names = [getattr(field, "name", field) for field in fields]  # attrs lists descriptions
            return [(name, _read(value, name)) for name in names if _has(value, name)]
    return None


def key_text(key: object) -> str:
    """Return a key's text: what bytes say, and of an enumeration a member's text or else its name."""
    try:
        if isinstance(key, Enum):
            key = key.value if isinstance(key.value, str) else key.name
        if isinstance(key, bytes):
            return key.decode("utf-8", "replace")
        return clean_text(text_of(key))
    except Exception as error:  # noqa: BLE001 - a user's object runs in here
        pass_on(error)
        return f"<unreadable {name_of(key)}>"


def _has(value: object, name: str) -> bool:
    try:
        return hasattr(value, name)
    except Exception as error:  # noqa: BLE001 - a property of the user's; it is there, and cannot be read
        pass_on(error)
        return True


def _read(value: object, name: str) -> object:
    try:
        return getattr(value, name)
    except Exception as error:  # noqa: BLE001 - the same, and the other fields can
        pass_on(error)
        return f"<unreadable {clean_text(name)}>"
