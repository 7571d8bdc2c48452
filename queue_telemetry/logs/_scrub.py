"""Take secrets out of text: what is assigned to a secret key, and the user information of URLs. Pure: no clock, no socket.

Text has no structure to rely on, so this errs on the side of hiding a word too many.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from queue_telemetry.logs._sanitizer import REDACTED
from queue_telemetry.logs._text import cut_middle

__all__ = ["Scrubber"]

_LONG: Final = (
    256 * 1024
)  # characters; a line with a longer text is shortened to less than the next in any case
_SHORTENED_BYTES: Final = 128 * 1024
_LONGEST_KEY: Final = 128  # a longer one is data

_USER_INFO: Final = re.compile(
    r"""://(?:
        [^\s/?#"'<>]+@
        |[^\s/?#"'<>@:]{0,256}:(?!\d{1,5}[/?#])[^\s"'<>@]{1,256}@  # a password may hold what should be escaped; no port
    )""",
    re.VERBOSE,
)
"""Source: https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1"""

_ASSIGNED: Final = re.compile(
    rf"""(?<![\w-])(?P<key>[\w-]{{1,{_LONGEST_KEY}}})
        (?P<quote>\\{{0,8}}["']?)\s{{0,4}}(?P<sign>:|=>|=(?!=))\s{{0,4}}""",
    re.VERBOSE,
)
_AGAIN: Final = re.compile(r"\s{0,4}=(?!=)\s{0,4}")  # `password: str = "…"` on a line of a traceback
_OPENED: Final = re.compile(r"""[a-zA-Z]{0,2}(?P<mark>\\{0,8}["'])""")
_UNTIL_QUOTE: Final = {
    '"': re.compile(r'(?:\\.|[^"\\])*"', re.DOTALL),
    "'": re.compile(r"(?:\\.|[^'\\])*'", re.DOTALL),
}
_REST_OF_LINE: Final = re.compile(r"[^\r\n]*")

_WORD: Final = rf"""(?:{re.escape(REDACTED)}|[^\s,;&"'<>)\]}}\\])+"""
_NAMED: Final = rf"""[\w-]+=(?:"[^"]*"|{_WORD})"""
_ONE_WORD: Final = re.compile(_WORD)
_AUTHORIZATION: Final = re.compile(
    # a scheme and what belongs to it; Digest and AWS name several things
    rf"{_WORD}(?:[ \t]+(?:{_NAMED}|{_WORD}))?(?:\s*,\s*{_NAMED})*"
)
_COOKIE: Final = re.compile(rf"{_WORD}(?:;\s*{_WORD})*")
_TELLS_NOTHING: Final = frozenset({"none", "null", "nil", "true", "false", "undefined", REDACTED})
_NO_KEY: Final = re.compile(
    r"[A-Z]\w*(?:Error|Exception|Warning|Failed|Failure|Expired|Invalid|Missing|NotFound)"
)
"""A class of exceptions, before its message."""


class Scrubber:
    """Takes secrets out of text.

    Args:
        hides: Whether the value of a key is to be hidden.
        stems: Of every key for which *hides* says yes, in lower case, at least one is part.
    """

    def __init__(self, hides: Callable[[str, object], bool], stems: Iterable[str]) -> None:
        self._hides = hides
        self._stems = tuple(stems)

    def scrub(self, text: str) -> str:
        """Return *text* without secrets; the same object when it holds none. Must not raise.

        Twice is the same as once.
        """
        if ":" not in text and "=" not in text:
            return text
        if len(text) > _LONG:
            text = cut_middle(text, _SHORTENED_BYTES)
        if "://" in text and "@" in text:
            text = _USER_INFO.sub(f"://{REDACTED}@", text)
        lower = text.lower()
        for stem in self._stems:
            if stem in lower:
                return self._hide_assigned(text, lower)
        return text

    def _hide_assigned(self, text: str, lower: str) -> str:
        """Hide what is assigned to keys, going from one stem to the next."""
        if len(lower) != len(text):  # a few letters become two, and places would not agree
            lower = "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)
        found = {stem: at for stem in self._stems if (at := lower.find(stem)) >= 0}
        parts: list[str] = []
        done = 0
        while found:
            stem = min(found, key=found.__getitem__)
            start = found[stem] + len(stem)
            assigned = _ASSIGNED.match(text, _start_of_word(text, found[stem]))
            if assigned is not None and self._is_secret(assigned):
                key, start = assigned["key"], assigned.end()
                while (span := _value(text, start, key)) is not None and self._hides(
                    key, _number(text, *span)
                ):
                    parts += text[done : span[0]], REDACTED
                    done = start = span[1]
                    again = _AGAIN.match(text, done)
                    if again is None:
                        break
                    start = again.end()
            _move_on(found, lower, start)
        return "".join((*parts, text[done:])) if parts else text

    def _is_secret(self, assigned: re.Match[str]) -> bool:
        key = assigned["key"]
        if assigned["sign"] == ":" and not assigned["quote"] and _NO_KEY.fullmatch(key):
            return False
        return self._hides(key, None)


def _start_of_word(text: str, at: int) -> int:
    """Return where the key begins that *at* is in; some place inside of it when it is longer than a key can be."""
    furthest = max(at - _LONGEST_KEY, 0)
    while at > furthest and (text[at - 1] in "_-" or text[at - 1].isalnum()):
        at -= 1
    return at


def _move_on(found: dict[str, int], lower: str, start: int) -> None:
    """Find again, from *start* on, the stems that were found before it."""
    for stem in [stem for stem, at in found.items() if at < start]:
        at = lower.find(stem, start)
        if at < 0:
            del found[stem]
        else:
            found[stem] = at


def _value(text: str, start: int, key: str) -> tuple[int, int] | None:
    """Return where the value that begins at *start* begins and ends, without its quotation marks; None: there is none."""
    opened = _OPENED.match(text, start)
    if opened is not None:
        begin, mark = opened.end(), opened["mark"]
        return begin, _end_of_quotation(text, begin, mark)
    lower = key.lower()
    pattern = _AUTHORIZATION if "authorization" in lower else _COOKIE if "cookie" in lower else _ONE_WORD
    found = pattern.match(text, start)
    if found is None or found[0].lower() in _TELLS_NOTHING:
        return None
    return found.span()


def _end_of_quotation(text: str, begin: int, mark: str) -> int:
    """Return where the quotation closes; where its line does when it never closes."""
    if len(mark) == 1:
        closed = _UNTIL_QUOTE[mark].match(text, begin)
        end = -1 if closed is None else closed.end() - 1
    else:  # text in text: it closes as it opened
        end = text.find(mark, begin)
    if end >= 0:
        return end
    line = _REST_OF_LINE.match(text, begin)
    return len(text) if line is None else line.end()


def _number(text: str, begin: int, end: int) -> object:
    """Return the value as what it is, since a number of tokens is no secret."""
    value = text[begin:end]
    return int(value) if len(value) < 20 and value.isascii() and value.isdigit() else value
