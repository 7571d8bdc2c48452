"""Copy any value into plain JSON: bounded, no cycles, distinct text keys, 64-bit integers. Pure: no clock, no socket."""

from collections import UserList, deque
from collections.abc import Callable, Collection, ItemsView, KeysView, Mapping, ValuesView
from datetime import date, time
from enum import Enum
from itertools import islice
from typing import Final, TypeVar

from queue_telemetry.logs._fields import key_text, named_fields
from queue_telemetry.logs._text import KEPT_CHARS, LONGEST_CHARS, clean_text, cut_end, name_of, text_of
from queue_telemetry.logs._time_limit import pass_on

__all__ = ["REDACTED", "Shortened", "sanitize"]

_T = TypeVar("_T")

REDACTED: Final = "[redacted]"
"""Stands for a value that the caller hides."""

_MAX_DEPTH: Final = 8
_MAX_CONTAINERS: Final = 2_000  # a list of ten lists of ten lists has 10**8 paths of depth 8
_MAX_ITEMS: Final = (
    50_000  # several times what a line can hold; a list may have millions, and the caller waits
)
_MAX_CHARS: Final = 512 * 1024  # of all text: twice a line; one text may be in a list a thousand times
_ALWAYS_CHARS: Final = 32  # what a note of what is missing would take
_LONG_KEY_CHARS: Final = 1_024
_LARGEST: Final = 2**64 - 1  # what orjson writes as a number
_SMALLEST: Final = -(2**63)
_NAMED: Final = (("value", ("name", "key", "header")), ("Value", ("Name", "Key", "Header")))
_CYCLE: Final = "[cycle]"
_TOO_DEEP: Final = "[too deep]"
_PAIR: Final = 2
_LISTS: Final = (list, tuple, deque, set, frozenset, UserList, KeysView, ValuesView, ItemsView)
_USUAL: Final = frozenset({dict, list, tuple})  # so that these need not be asked what they are
_AS_THEY_ARE: Final = frozenset({float, bool, type(None)})


class Shortened(dict[str, object]):
    """A copy of fields some text of which was cut.

    Attributes:
        characters_cut: How many are missing.
    """

    characters_cut = 0


def sanitize(
    fields: Mapping[str, object],
    hides: Callable[[str, object], bool] | None = None,
    scrub: Callable[[str], str] | None = None,
) -> dict[str, object]:
    """Return a copy of *fields* that holds dicts, lists, strings and numbers only.

    Mappings and objects with named fields become dicts. Values of other types become their text; one that cannot be
    read, a note that says so. Of keys with the same text, the later ones get a number at their end. What is too deep,
    too many or too long is left out, with a note in its place; the copy is `Shortened` when that was text.

    Args:
        fields: Anything; left as it is.
        hides: Whether the value of a key is to be hidden, at any depth and in pairs such as `("key", value)` too;
            without it none is.
        scrub: Takes secrets out of a text; without it they stay. Of keys it is shown those only that have a `:` or a
            `=`. Must not raise.

    Raises:
        Exception: What *fields* itself raises; what its values raise is caught.
    """
    walk = _Walk(hides or _nothing, scrub or _as_it_is)
    copy = walk.copy_pairs(list(fields.items()), (id(fields),))
    if walk.characters_cut:
        copy = Shortened(copy)
        copy.characters_cut = walk.characters_cut
    return copy


class _Walk:
    """One walk over a tree of values.

    Args:
        hides: Whether the value of a key is to be hidden.
        scrub: Takes secrets out of a text.

    Attributes:
        characters_cut: Characters of text that were left out.
    """

    __slots__ = ("_chars_left", "_containers_left", "_hides", "_items_left", "_scrub", "characters_cut")

    def __init__(self, hides: Callable[[str, object], bool], scrub: Callable[[str], str]) -> None:
        self._hides = hides
        self._scrub = scrub
        self._containers_left = _MAX_CONTAINERS
        self._items_left = _MAX_ITEMS
        self._chars_left = _MAX_CHARS
        self.characters_cut = 0

    def copy_pairs(self, pairs: list[tuple[object, object]], path: tuple[int, ...]) -> dict[str, object]:
        copy: dict[str, object] = {}
        hides = self._hides
        for key, value in pairs:
            name = key if type(key) is str and key.isascii() else key_text(key)
            if len(name) > _LONG_KEY_CHARS:
                name = self._bounded(name, _LONG_KEY_CHARS)
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
        if "value" in copy or "Value" in copy:
            self._hide_named(copy)
        return copy

    def _hide_named(self, copy: dict[str, object]) -> None:
        """Hide the value of what is a name and a value under keys that say so, as containers' environments are."""
        for value, names in _NAMED:
            if value in copy and any(self._names_secret(copy.get(name), copy[value]) for name in names):
                copy[value] = REDACTED

    def _names_secret(self, name: object, value: object) -> bool:
        return isinstance(name, str) and self._hides(name, value)

    def _copy(self, value: object, path: tuple[int, ...]) -> object:
        kind = type(value)
        if kind is str:
            return self._text(value)  # type: ignore[arg-type]  # mypy does not follow `type() is`
        if kind is int:
            return value if _SMALLEST <= value <= _LARGEST else self._number(value)  # type: ignore[arg-type, operator]  # the same
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
        return isinstance(first, (str, bytes, Enum)) and self._hides(key_text(first), second)

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
        return named_fields(value)

    def _pairs_of_mapping(self, value: Mapping[object, object]) -> list[tuple[object, object]]:
        pairs, left_out = self._first(value.items())
        return [*pairs, ("…", f"[{left_out} more]")] if left_out else pairs

    def _leaf(self, value: object) -> object:
        if isinstance(value, int):
            return self._number(int(value))
        if isinstance(value, float):
            return float(value)
        if isinstance(value, (date, time)):
            text = text_of(value.isoformat())
            return f"{text[:-6]}Z" if text.endswith("+00:00") else text
        if isinstance(value, (bytes, bytearray)) and len(value) > LONGEST_CHARS:
            self.characters_cut += len(value) - KEPT_CHARS
            value = value[:KEPT_CHARS]  # before it is made text, four characters a byte
        return self._text(text_of(value))

    def _number(self, number: int) -> object:
        if _SMALLEST <= number <= _LARGEST:
            return number
        try:
            return self._text(str(number))
        except ValueError:  # CPython refuses to write more than some thousand digits
            return self._text(hex(number))

    def _bounded(self, text: str, longest_chars: int) -> str:
        """Return a text that is too long, or for which too little is left, cut: before anybody looks through it."""
        if len(text) <= _ALWAYS_CHARS:
            return text
        shorter = cut_end(text, min(longest_chars, self._chars_left))
        self._chars_left = max(self._chars_left - len(shorter), 0)
        self.characters_cut += max(len(text) - len(shorter), 0)
        return shorter

    def _text(self, text: str) -> str:
        if len(text) > LONGEST_CHARS or len(text) > self._chars_left:
            text = self._bounded(text, KEPT_CHARS)
        else:
            self._chars_left -= len(text)
        text = self._scrub(text)
        return text if text.isascii() else clean_text(text)


def _as_it_is(text: str) -> str:
    return text


def _nothing(_key: str, _value: object) -> bool:
    return False
