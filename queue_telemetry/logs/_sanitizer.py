"""Copy any value into plain JSON: depth 8, no cycles, distinct text keys, 64-bit integers. Pure: no clock, no socket."""

from collections import UserList, deque
from collections.abc import Callable, Collection, ItemsView, KeysView, Mapping, ValuesView
from datetime import date, time
from enum import Enum
from itertools import islice
from types import SimpleNamespace
from typing import Final, TypeVar

from queue_telemetry.logs._text import clean_text, name_of, text_of
from queue_telemetry.logs._time_limit import pass_on

__all__ = ["REDACTED", "sanitize"]

_T = TypeVar("_T")

REDACTED: Final = "[redacted]"
"""Stands for a value that the caller hides."""

_MAX_DEPTH: Final = 8
_MAX_CONTAINERS: Final = 2_000  # a list of ten lists of ten lists has 10**8 paths of depth 8
_MAX_ITEMS: Final = (
    50_000  # several times what a line can hold; a list may have millions, and the caller waits
)
_LARGEST: Final = 2**64 - 1  # what orjson writes as a number
_SMALLEST: Final = -(2**63)
_CYCLE: Final = "[cycle]"
_TOO_DEEP: Final = "[too deep]"
_PAIR: Final = 2
_LISTS: Final = (list, tuple, deque, set, frozenset, UserList, KeysView, ValuesView, ItemsView)
_USUAL: Final = frozenset({dict, list, tuple})  # so that these need not be asked what they are
_AS_THEY_ARE: Final = frozenset({float, bool, type(None)})
_FIELDS: Final = ("__dataclass_fields__", "__attrs_attrs__", "__pydantic_fields__", "__struct_fields__")
"""Where classes keep the names of their fields: the standard library's, attrs', pydantic's, msgspec's."""


def sanitize(
    fields: Mapping[str, object],
    hides: Callable[[str, object], bool] | None = None,
    scrub: Callable[[str], str] | None = None,
) -> dict[str, object]:
    """Return a copy of *fields* that holds dicts, lists, strings and numbers only.

    Mappings and objects with named fields become dicts. Values of other types become their text; one that cannot be
    read, a note that says so. Of keys with the same text, the later ones get a number at their end. What is too deep
    or too many is left out, with a note in its place.

    Args:
        fields: Anything; left as it is.
        hides: Whether the value of a key is to be hidden, at any depth and in pairs such as `("key", value)` too;
            without it none is.
        scrub: Takes secrets out of a text; without it they stay. Of keys it is shown those only that have a `:` or a
            `=`. Must not raise.

    Raises:
        Exception: What *fields* itself raises; what its values raise is caught.
    """
    return _Walk(hides or _nothing, scrub or _as_it_is).copy_pairs(list(fields.items()), (id(fields),))


class _Walk:
    """One walk over a tree of values.

    Args:
        hides: Whether the value of a key is to be hidden.
        scrub: Takes secrets out of a text.
    """

    __slots__ = ("_containers_left", "_hides", "_items_left", "_scrub")

    def __init__(self, hides: Callable[[str, object], bool], scrub: Callable[[str], str]) -> None:
        self._hides = hides
        self._scrub = scrub
        self._containers_left = _MAX_CONTAINERS
        self._items_left = _MAX_ITEMS

    def copy_pairs(self, pairs: list[tuple[object, object]], path: tuple[int, ...]) -> dict[str, object]:
        copy: dict[str, object] = {}
        hides = self._hides
        for key, value in pairs:
            name = key if type(key) is str and key.isascii() else _key(key)
            if hides(name, value):
                value = REDACTED  # noqa: PLW2901 - in its place
            elif type(value) is str:
                value = self._text(value)  # noqa: PLW2901 - the same
            elif type(value) not in _AS_THEY_ARE:
                value = self._copy(value, path)  # noqa: PLW2901 - the same
            if ":" in name or "=" in name:
                name = self._scrub(name)
            while name in copy:  # JSON with a key twice is refused, or loses one of them
                name = f"{name}_{len(copy)}"
            copy[name] = value
        return copy

    def _copy(self, value: object, path: tuple[int, ...]) -> object:
        kind = type(value)
        if kind is str:
            return self._text(value)  # type: ignore[arg-type]  # mypy does not follow `type() is`
        if kind is int:
            return value if _SMALLEST <= value <= _LARGEST else _number(value)  # type: ignore[arg-type, operator]  # the same
        if kind in _AS_THEY_ARE:
            return value
        try:
            return self._enter(value, path) if kind in _USUAL else self._open(value, path)
        except Exception as error:  # noqa: BLE001 - a user's object runs in here, and must cost no other value
            pass_on(error)
            return f"<unreadable {name_of(value)}>"

    def _open(self, value: object, path: tuple[int, ...]) -> object:
        if isinstance(value, Enum):
            return self._copy(value.value, path)
        pairs = self._pairs_of(value)
        if pairs is None and not isinstance(value, _LISTS):
            return self._leaf(value)
        return self._enter(value, path, pairs)

    def _enter(
        self, value: object, path: tuple[int, ...], pairs: list[tuple[object, object]] | None = None
    ) -> object:
        """Copy a container, given its pairs unless it is of a usual kind or a list of sorts."""
        me = id(value)
        if me in path:
            return _CYCLE
        self._containers_left -= 1
        if len(path) > _MAX_DEPTH or self._containers_left < 0:
            return _TOO_DEEP
        if pairs is None and type(value) is dict:
            pairs = self._pairs_of_mapping(value)
        if pairs is None:
            return self._copy_list(value, (*path, me))  # type: ignore[arg-type]  # one of _LISTS
        return self.copy_pairs(pairs, (*path, me))

    def _copy_list(self, value: Collection[object], path: tuple[int, ...]) -> list[object]:
        items, left_out = self._first(value)
        if len(items) == _PAIR and isinstance(value, (list, tuple)) and self._hides_second(*items):
            return [self._copy(items[0], path), REDACTED]
        copy = [self._copy(item, path) for item in items]
        if str in map(type, items):
            for at, item in enumerate(items[:-1], 1):  # a command's arguments, `"--password", "x"`
                if type(item) is str and item[:2] == "--" and self._hides_argument(item, items[at]):
                    copy[at] = REDACTED
        return [*copy, f"[{left_out} more]"] if left_out else copy

    def _hides_second(self, first: object, second: object) -> bool:
        """Tell whether this is a header, say, as a pair of name and value."""
        return isinstance(first, (str, bytes, Enum)) and self._hides(_key(first), second)

    def _hides_argument(self, option: str, argument: object) -> bool:
        is_option_too = type(argument) is str and argument[:1] == "-"
        return not is_option_too and self._hides(option, argument)

    def _first(self, many: Collection[_T]) -> tuple[list[_T], int]:
        """Return as many items as one record may have, and how many that leaves out."""
        left_out = len(many) - self._items_left
        if left_out > 0:
            items = list(islice(many, self._items_left))
            self._items_left = 0
            return items, left_out
        items = list(many)  # in one go, while another thread may change what it is made of
        self._items_left = max(self._items_left - len(items), 0)
        return items, 0

    def _pairs_of(self, value: object) -> list[tuple[object, object]] | None:
        """Return the keys and values of a mapping, or of an object whose fields have names; None of anything else."""
        if isinstance(value, (dict, Mapping)):  # a dict first: asking for a Mapping costs ten times as much
            return self._pairs_of_mapping(value)
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

    def _pairs_of_mapping(self, value: Mapping[object, object]) -> list[tuple[object, object]]:
        pairs, left_out = self._first(value.items())
        return [*pairs, ("…", f"[{left_out} more]")] if left_out else pairs

    def _leaf(self, value: object) -> object:
        if isinstance(value, int):
            return _number(int(value))
        if isinstance(value, float):
            return float(value)
        if isinstance(value, (date, time)):
            text = text_of(value.isoformat())
            return f"{text[:-6]}Z" if text.endswith("+00:00") else text
        return self._text(text_of(value))

    def _text(self, text: str) -> str:
        text = self._scrub(text)
        return text if text.isascii() else clean_text(text)


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


def _key(key: object) -> str:
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


def _number(number: int) -> object:
    if _SMALLEST <= number <= _LARGEST:
        return number
    try:
        return str(number)
    except ValueError:  # CPython refuses to write more than some thousand digits
        return hex(number)


def _as_it_is(text: str) -> str:
    return text


def _nothing(_key: str, _value: object) -> bool:
    return False
