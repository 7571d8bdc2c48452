"""Replace secrets by key, at any depth, on a copy: other handlers see the original objects."""

import re
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

__all__ = ["REDACTED", "Redactor"]

REDACTED: Final = "[redacted]"
TOO_DEEP: Final = "[too deep]"
"""Stands for what lies deeper than it is looked into, since it may hold secrets."""

_GLUED: Final = (
    "password",
    "passwd",
    "passphrase",
    "secret",
    "authorization",
    "cookie",
    "credential",
    "apikey",
    "privatekey",
    "accesskey",
    "accesstoken",
    "authtoken",
    "refreshtoken",
)
"""Secrets wherever they stand in a key, whatever the case and the signs between the words."""
_WORDS: Final = ("token", "dsn", "pwd")
"""Secrets as words of a key only: `token` hides `csrf_token`, not `tokenizer`."""

_MAX_DEPTH: Final = 8
_MAX_CONTAINERS: Final = 2_000  # a list that holds itself ten times has 10**8 paths of depth 8
_MAX_KEYS: Final = 4_096  # keys may be made of data; then the cache begins anew
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SIGNS: Final = re.compile(r"[\W_]+")


class Redactor:
    """Replaces the values of secret keys in dicts, lists, tuples, dataclasses and named tuples.

    Called under loguru's own lock; it holds no lock itself, and its cache of key decisions is safe to race on.

    Args:
        keys: Further keys, such as `card_number`: hidden where their words stand in a key one after the other.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        words = (*_WORDS, *keys)
        self._phrases = tuple(f"_{'_'.join(_words(key))}_" for key in words if _words(key))
        self._harmless: set[object] = set()
        self._secret: dict[str, bool] = {}

    def redact(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Return *fields* without secrets: the same object when it holds none, else a copy.

        Values that hold none are shared with the copy. Must not block.
        """
        if self._harmless.issuperset(fields) and _PLAIN.issuperset(map(type, fields.values())):
            return fields
        return self._mapping(fields, 0, [_MAX_CONTAINERS])

    def _mapping(self, fields: Mapping[str, object], depth: int, left: list[int]) -> Mapping[str, object]:
        copy: dict[str, object] | None = None
        for key, value in list(fields.items()):
            cleaned: object
            if self._is_secret(key):
                cleaned = REDACTED
            elif type(value) in _PLAIN:
                continue
            else:
                cleaned = self._value(value, depth + 1, left)
            if cleaned is not value:
                if copy is None:
                    copy = dict(fields)
                copy[key] = cleaned
        return fields if copy is None else copy

    def _value(self, value: object, depth: int, left: list[int]) -> object:
        named = _fields_of(value)
        if named is None and not isinstance(value, (list, tuple, deque)):
            return value
        left[0] -= 1
        if depth > _MAX_DEPTH or left[0] < 0:
            return TOO_DEEP
        if named is not None:
            cleaned = self._mapping(named, depth, left)
            return value if cleaned is named and not isinstance(value, tuple) else cleaned
        items = list(value) if isinstance(value, (list, tuple, deque)) else []
        changed = False
        for index, item in enumerate(items):
            if type(item) in _PLAIN:
                continue
            cleaned_item = self._value(item, depth + 1, left)
            if cleaned_item is not item:
                items[index] = cleaned_item
                changed = True
        return items if changed else value

    def _is_secret(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        if key in self._harmless:
            return False
        secret = self._secret.get(key)
        if secret is None:
            secret = self._decide(key)
            if len(self._harmless) + len(self._secret) >= _MAX_KEYS:
                self._harmless, self._secret = set(), {}
            if secret:
                self._secret[key] = True
            else:
                self._harmless.add(key)
        return secret

    def _decide(self, key: str) -> bool:
        glued = _SIGNS.sub("", key).lower()
        if any(word in glued for word in _GLUED):
            return True
        phrase = f"_{'_'.join(_words(key))}_"
        return any(secret in phrase for secret in self._phrases)


def _words(key: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(key)]


def _fields_of(value: object) -> Mapping[str, object] | None:
    """Return the named fields of a mapping, a dataclass or a named tuple; None of anything else."""
    if isinstance(value, Mapping):
        return value
    kind = type(value)
    if hasattr(kind, "__dataclass_fields__"):
        names = kind.__dataclass_fields__
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return dict(zip(kind._fields, value, strict=False))
    return None
