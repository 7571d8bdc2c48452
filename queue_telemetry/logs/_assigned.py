"""Find what a text assigns to a key, in whatever notation. Pure: no clock, no socket, no state.

Each function takes time in proportion to what it passes by, so that no text makes the caller wait.
"""

import re
from collections.abc import Callable
from typing import Final

from queue_telemetry.logs._sanitizer import REDACTED

__all__ = ["LONGEST_KEY", "Assignment", "assignment", "value_again", "word_at"]

LONGEST_KEY: Final = 128
"""Characters of a key; of a longer word the last are the key."""

_REST_OF_WORD: Final = re.compile(r"[\w-]*+")
_SIGN: Final = re.compile(
    r"""(?P<quote>\\{0,8}["']?)\s{0,4}(?P<sign>:=?|=>|=(?!=)|%3[aAdD]|,|>)\s{0,4}""", re.VERBOSE
)
_OPTION: Final = re.compile(r"[ \t]{1,4}(?![-\s])")  # `--password hunter2`
_AGAIN: Final = re.compile(r"\s{0,4}=(?!=)\s{0,4}")  # `password: str = "…"` on a line of a traceback
_OPENED: Final = re.compile(r"""[a-zA-Z]{0,2}(?P<mark>\"{3}|'{3}|\\{0,8}["'])""")
_ITS_VALUE: Final = (
    re.compile(  # of `"name": "password", "value": "…"` and of `<add key="password" value="…"/>`
        r"""\\{0,8}["']\s{0,64},?\s{0,64}(?:\\{0,8}["'])?[vV]alue(?:\\{0,8}["'])?\s{0,4}[:=]\s{0,4}"""
    )
)
_ATTRIBUTES: Final = re.compile(r"\s[^<>]{0,256}>\s{0,4}")
_QUOTES: Final = frozenset("\"'\\")
_UNTIL_QUOTE: Final = {
    '"': re.compile(r'(?:\\.|[^"\\])*"', re.DOTALL),
    "'": re.compile(r"(?:\\.|[^'\\])*'", re.DOTALL),
}
_BRACKETS: Final = {"[": 1, "(": 1, "{": 1, "]": -1, ")": -1, "}": -1}
_BRACKET_OR_QUOTATION: Final = re.compile(r"""[\[\](){}]|"(?:\\.|[^"\\])*+"|'(?:\\.|[^'\\])*+'""", re.DOTALL)
_MOST_IN_BRACKETS: Final = 4096  # characters of indented JSON, say
_REST_OF_LINE: Final = re.compile(r"[^\r\n]*")
_ELEMENT: Final = re.compile(r"[^<>]{1,4096}+(?=</)")

_WORD: Final = rf"""(?:[^\s,;&"'<>)\]}}\\\[]++|{re.escape(REDACTED)}|\[)+"""
_NAMED: Final = rf"""[\w-]+=(?:"[^"]*"|{_WORD})"""
_ONE_WORD: Final = re.compile(_WORD)
_AUTHORIZATION: Final = re.compile(
    # a scheme and what belongs to it; Digest and AWS name several things
    rf"{_WORD}(?:[ \t]+(?:{_NAMED}|{_WORD}))?(?:\s*,\s*{_NAMED})*"
)
_SCHEME: Final = re.compile(r"(?:bearer|basic|digest|token|apikey|splunk|negotiate)[ \t]", re.IGNORECASE)
_BEGINS_SCHEME: Final = frozenset("bdtasnBDTASN")
_COOKIE: Final = re.compile(rf"{_WORD}(?:;\s*{_WORD})*")
_TELLS_NOTHING: Final = frozenset({"none", "null", "nil", "true", "false", "undefined", REDACTED})
_NO_KEY: Final = re.compile(
    r"[A-Z]\w*(?:Error|Exception|Warning|Failed|Failure|Expired|Invalid|Missing|NotFound)"
)
"""A class of exceptions, before its message."""

Assignment = tuple[str, int, int]
"""A key, and where its value begins and ends, without quotation marks."""


def word_at(text: str, at: int, floor: int) -> tuple[int, int]:
    """Return where the word begins and ends that *at* is in, the part of it before *at* cut to a key's length.

    Args:
        text: Anything.
        at: A place in it.
        floor: Where it may begin at the earliest.
    """
    floor = max(floor, at - LONGEST_KEY)
    begin = at
    while begin > floor and (text[begin - 1] in "_-" or text[begin - 1].isalnum()):
        begin -= 1
    rest = _REST_OF_WORD.match(text, at)
    return begin, at if rest is None else rest.end()


def assignment(text: str, begin: int, stop: int, is_secret: Callable[[str], bool]) -> Assignment | None:
    """Return what is assigned to the word between two places; None when nothing is, or not to a secret key."""
    key = text[max(begin, stop - LONGEST_KEY) : stop]
    if text[stop : stop + 1] in _QUOTES and (its_value := _ITS_VALUE.match(text, stop)) is not None:
        span = _value(text, its_value.end(), key) if is_secret(key) else None
        return None if span is None else (key, *span)
    found = _SIGN.match(text, stop)
    if found is None and text[begin - 1 : begin] in {"<", ":"}:
        return _of_element(text, key, stop, is_secret)
    if key.lower() == "key" and text[begin - 1 : begin] == " ":  # `api key: …`
        key = text[word_at(text, begin - 1, 0)[0] : stop]
    option = _OPTION.match(text, stop) if found is None and key.startswith("--") else None
    behind = found or option
    if behind is None or not is_secret(key):  # before its value is read, which may be the rest of the text
        return None
    if found is None:
        span = _value(text, behind.end(), key)
    elif found["sign"] == ",":
        span = _second_of_pair(text, begin, found)
    elif found["sign"] == ">":
        span = _element(text, found.end())
    elif found["sign"] == ":" and not found["quote"] and _NO_KEY.fullmatch(key):
        span = None
    else:
        span = _value(text, found.end(), key, is_data=bool(found["quote"]))
    return None if span is None else (key, *span)


def _of_element(text: str, key: str, stop: int, is_secret: Callable[[str], bool]) -> Assignment | None:
    """Return what an element with attributes encloses."""
    attributes = _ATTRIBUTES.match(text, stop)
    span = None if attributes is None or not is_secret(key) else _element(text, attributes.end())
    return None if span is None else (key, *span)


def _element(text: str, start: int) -> tuple[int, int] | None:
    element = _ELEMENT.match(text, start)
    return None if element is None or element[0] == REDACTED else element.span()


def value_again(text: str, key: str, done: int) -> Assignment | None:
    """Return what is assigned behind an annotation that ends at *done*."""
    again = _AGAIN.match(text, done)
    span = None if again is None else _value(text, again.end(), key)
    return None if span is None else (key, *span)


def _second_of_pair(text: str, begin: int, sign: re.Match[str]) -> tuple[int, int] | None:
    """Return the second of two quotations in brackets, or what follows a command's option, `'--password', 'x'`.

    Of any other list with more of them the second is no value of the first.
    """
    opened = _OPENED.match(text, sign.end()) if sign["quote"] else None
    if opened is None:
        return None
    is_option = text.startswith("--", begin) and not text.startswith("-", opened.end())
    if not is_option and not text[max(begin - 4, 0) : begin].rstrip("\\\"'bBuU").endswith(("(", "[")):
        return None
    end = _end_of_quotation(text, opened.end(), opened["mark"])
    if is_option:
        return opened.end(), end
    behind = end + len(opened["mark"])
    return (opened.end(), end) if text[behind : behind + 1] in {")", "]"} else None


def _value(text: str, start: int, key: str, *, is_data: bool = False) -> tuple[int, int] | None:
    opened = _OPENED.match(text, start)
    if opened is not None:
        begin, mark = opened.end(), opened["mark"]
        return begin, _end_of_quotation(text, begin, mark)
    first = text[start : start + 1]
    if first == "[" and text.startswith(REDACTED, start):
        pattern = _ONE_WORD  # so that no word behind it goes the second time
    elif first in {"[", "(", "{"}:
        end = _end_of_brackets(text, start, spans_lines=is_data)
        rest = _ONE_WORD.match(text, end)
        return start, end if rest is None else rest.end()
    elif "authorization" in (lower := key.lower()) or (
        first in _BEGINS_SCHEME and _SCHEME.match(text, start)
    ):
        pattern = _AUTHORIZATION
    else:
        pattern = _COOKIE if "cookie" in lower else _ONE_WORD
    found = pattern.match(text, start)
    if found is None or found[0].lower() in _TELLS_NOTHING:
        return None
    return found.span()


def _end_of_brackets(text: str, begin: int, *, spans_lines: bool) -> int:
    """Return where the bracket closes that opens at *begin*; how far was looked for it when it never closes."""
    stop = min(begin + _MOST_IN_BRACKETS, len(text)) if spans_lines else _end_of_line(text, begin)
    depth = 0
    for found in _BRACKET_OR_QUOTATION.finditer(text, begin, stop):
        depth += _BRACKETS.get(found[0], 0)
        if depth == 0:
            return found.end()
    return stop


def _end_of_quotation(text: str, begin: int, mark: str) -> int:
    """Return where the quotation closes; where its line does when it never closes."""
    if len(mark) == 1:
        closed = _UNTIL_QUOTE[mark].match(text, begin)
        end = -1 if closed is None else closed.end() - 1
    else:  # text in text: it closes as it opened
        end = text.find(mark, begin)
    if end >= 0:
        return end
    return _end_of_line(text, begin)


def _end_of_line(text: str, begin: int) -> int:
    line = _REST_OF_LINE.match(text, begin)
    return len(text) if line is None else line.end()
