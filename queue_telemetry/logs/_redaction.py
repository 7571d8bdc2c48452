"""Hide secrets by their keys, at any depth and in text, on a copy: other handlers see the original objects."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from queue_telemetry.logs._sanitizer import sanitize
from queue_telemetry.logs._scrub import Scrubber

__all__ = ["Redactor"]

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
    "csrftoken",
    "refreshtoken",
    "sessiontoken",
    "xsrftoken",
    "accountkey",
    "encryptionkey",
    "sessionid",
    "sessionkey",
    "signingkey",
    "sshkey",
)
"""Secrets wherever they stand in a key, whatever the case and the signs between the words."""
_WORDS: Final = ("token", "tokens", "dsn", "pwd", "pgpass")
"""Secrets as words of a key only: `token` hides `csrf_token`, not `tokenizer`."""
_LAST_WORDS: Final = frozenset({"auth", "bearer", "jwt", "pass", "signature"})
"""Secrets as the last word of a key only, a number aside: `MYSQL_PASS`, not `pass_rate` or `auth_method`."""
_STEMS: Final = (
    "pass",
    "secret",
    "auth",
    "cookie",
    "credential",
    "key",
    "token",
    "dsn",
    "pwd",
    "jwt",
    "sessionid",
    "session_id",
    "session-id",
    "signature",
    "bearer",
)
"""Of each of these secrets, however its words are joined, one is part."""
_COUNTED: Final = "tokens"
"""A number under such a key says how many: language models' `max_tokens`."""

_NAMED: Final = frozenset({"value", "Value"})
"""Keys that are never known as harmless: what they hold depends on the `name` beside them."""

_MAX_KEYS: Final = 4_096  # keys may be made of data; then the cache begins anew
_LONGEST_KEY: Final = 128  # a longer one is data, and not worth the cache's memory
_MAX_TEXTS: Final = 1_024
_LONGEST_TEXT: Final = 64  # a worker's name, a route, a status: what comes again
_LONGEST_USUAL_TEXT: Final = 1_024
_MOST_FIELDS: Final = 256
_USUAL_LEVELS: Final = 3
_USUAL_ITEMS: Final = 16  # so that a tree of them holds little more than one walk may
_STEM_LETTERS: Final = 3
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SIGNS: Final = re.compile(r"[\W_]+")


class Redactor:
    """Hides the values of secret keys in whatever has keys: mappings, pairs, objects with named fields; and in text.

    Called by any thread; it holds no lock, and its caches are safe to race on.

    Args:
        keys: Further keys. One word, such as `pin`, hides where it is a word of a key; several, such as `card_number`,
            or one with letters beyond ASCII, wherever they stand in a key, however they are written.

    Attributes:
        scrub: Returns a text without secrets: `password=…`, `"token": "…"`, `Authorization: …`, `--password …`,
            `scheme://user:pass@host`, private keys. The same object when it holds none. Does not raise.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        further = [(_words(key), glued) for key in keys if (glued := _glue(key))]
        single = {glued for words, glued in further if words == [glued]}
        self._words = frozenset((*_WORDS, *single))
        self._glued = (*_GLUED, *(glued for _, glued in further if glued not in single))
        self._harmless: set[str] = set()
        self._secret: set[str] = set()
        self._innocent: set[str] = set()
        stems = (*_STEMS, *(glued[:_STEM_LETTERS] for _, glued in further))
        self.scrub = Scrubber(self._hides, stems).scrub

    def redact(self, fields: Mapping[str, object]) -> Mapping[str, object]:
        """Return *fields* without secrets: the same object when it is plain and holds none, else a plain copy.

        Must not block.

        Raises:
            Exception: What *fields* itself raises; what its values raise is caught.
        """
        values = fields.values()
        if self._harmless.issuperset(fields):
            if len(fields) <= _MOST_FIELDS and _PLAIN.issuperset(map(type, values)):
                for value in values:
                    if type(value) is str and value not in self._innocent and not self._is_innocent(value):
                        break
                else:
                    return fields
            else:
                copy = self._copy_usual(fields, _USUAL_LEVELS)
                if copy is not None:
                    return copy  # type: ignore[return-value]  # of a dict, a dict
        return sanitize(fields, self._hides, self.scrub)

    def is_secret(self, key: str) -> bool:
        """Tell whether what stands under this key is hidden."""
        return self._hides(key, None)

    def _copy_usual(self, value: object, levels: int) -> dict[object, object] | list[object] | None:
        """Return a copy of a small tree of plain values without secrets, in half the time; None of anything else."""
        copy = self._copy_container(value)
        if copy is None or not levels or len(copy) > _USUAL_ITEMS:
            return None
        for key, each in copy.items() if isinstance(copy, dict) else enumerate(copy):
            if type(each) is str:
                if each not in self._innocent and not self._is_innocent(each):
                    return None
            elif type(each) not in _PLAIN:
                inner = self._copy_usual(each, levels - 1)
                if inner is None:
                    return None
                copy[key] = inner  # type: ignore[call-overload]  # a list's are numbers
        return copy

    def _copy_container(self, value: object) -> dict[object, object] | list[object] | None:
        """Return a copy, made in one go, of a dict without secret keys or of a list of other things than text."""
        if type(value) is dict:
            pairs = value.copy()
            return pairs if self._harmless.issuperset(pairs) else None
        if type(value) is list:
            items = value.copy()
            return None if str in map(type, items) else items  # a command's arguments, a name and its value
        return None

    def _is_innocent(self, text: str) -> bool:
        if len(text) > _LONGEST_USUAL_TEXT or self.scrub(text) is not text:
            return False
        if len(text) <= _LONGEST_TEXT:
            if len(self._innocent) >= _MAX_TEXTS:
                self._innocent = set()
            self._innocent.add(text)
        return True

    def _hides(self, key: str, value: object) -> bool:
        if key in self._harmless or key in _NAMED:
            return False
        if key not in self._secret:
            secret = self._decide(key)
            if (
                len(key) <= _LONGEST_KEY and ":" not in key and "=" not in key
            ):  # else to be scrubbed each time
                self._remember(key, secret=secret)
            if not secret:
                return False
        # not isinstance: that asks the value, and a proxy outside of its request raises
        return not (issubclass(type(value), (int, float)) and _COUNTED in key.lower())

    def _remember(self, key: str, *, secret: bool) -> None:
        if len(self._harmless) + len(self._secret) >= _MAX_KEYS:
            self._harmless, self._secret = set(), set()
        (self._secret if secret else self._harmless).add(key)

    def _decide(self, key: str) -> bool:
        glued, words = _glue(key), _words(key)
        last = next((word for word in reversed(words) if not word.isdigit()), "")
        return (
            last in _LAST_WORDS
            or not self._words.isdisjoint((*words, glued))
            or any(word in glued for word in self._glued)
        )


def _words(key: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(key)]


def _glue(key: str) -> str:
    return _SIGNS.sub("", key).casefold()
