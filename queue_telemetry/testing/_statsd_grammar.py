"""Reads StatsD datagrams by the strict grammar that every server agrees on. Pure: no clock, no socket, no state."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal

__all__ = ["Refusal", "StatsdDialect", "StatsdLine", "read_datagram", "read_line"]

StatsdDialect = Literal["statsd", "datadog"]

_TIMINGS: Final = frozenset({"ms", "h", "d"})
_TYPES: Final = _TIMINGS | {"c", "g"}
_NODE: Final = re.compile(r"[A-Za-z0-9_-]+")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_RATE: Final = re.compile(r"[01](?:\.[0-9]+)?")
_TAG_KEY: Final = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_TAG_VALUE: Final = re.compile(r"[\w./:-]*[\w./-]")  # letters of any script; a colon at the end is cut off


@dataclass(frozen=True, slots=True)
class StatsdLine:
    """One line that every server reads alike.

    Attributes:
        name: The dotted metric name, prefix included.
        type: One of `c`, `g`, `ms`, `h`, `d`.
        values: One value, or several packed ones for a timing; exact, ints stay ints.
        rate: The sample rate in (0, 1], exactly as written; 1 when there is none.
        tags: Tag keys to values; empty without a `|#` section.
    """

    name: str
    type: str
    values: tuple[int | Fraction, ...]
    rate: Fraction
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """One line that some server would drop, miscount or store under another name.

    Attributes:
        line: The line as it came, without its newline.
        reason: What is wrong with it.
    """

    line: bytes
    reason: str


class _Malformed(ValueError):  # noqa: N818 - never leaves this file
    """The reason to refuse a line."""


def read_datagram(payload: bytes, *, dialect: StatsdDialect | None = None) -> Iterator[StatsdLine | Refusal]:
    """Yield every line of one datagram; one newline at its end is allowed.

    To a plain server a negative gauge is a step down, unless the line before it in the same datagram sets the gauge
    to 0. Without a *dialect*, lines with tags are taken for DogStatsD, where a negative gauge is a value.

    Source: https://github.com/statsd/statsd/blob/master/docs/metric_types.md
    """
    before: StatsdLine | Refusal | None = None
    for raw in payload.removesuffix(b"\n").split(b"\n"):
        line = read_line(raw, dialect=dialect)
        if isinstance(line, StatsdLine) and _is_step(line, before, dialect):
            line = Refusal(raw, "a negative gauge without its zero before it is a step")
        yield line
        before = line


def read_line(line: bytes, *, dialect: StatsdDialect | None = None) -> StatsdLine | Refusal:
    """Read `name:value[:value...]|type[|@rate][|#key:value,...]`.

    Args:
        line: One line without a newline.
        dialect: Refuse what this server does not know: `statsd` takes no tags, no packed values, no `h` and `d`. None
            takes either.

    Source: https://docs.datadoghq.com/developers/dogstatsd/datagram_shell
    """
    try:
        return _read(line, dialect)
    except _Malformed as reason:
        return Refusal(line, str(reason))


def _read(line: bytes, dialect: StatsdDialect | None) -> StatsdLine:
    _demand(bool(line), "an empty line")
    try:
        head, *sections = line.decode("utf-8").split("|")
    except UnicodeDecodeError as error:
        raise _Malformed("not UTF-8") from error
    name, *values = head.split(":")
    _check_name(name)
    _demand(bool(values), "no value")
    _demand(bool(sections), "no type")
    type_, *sections = sections
    _demand(type_ in _TYPES, f"unknown type {type_!r}")
    rate = Fraction(1)
    if sections and sections[0].startswith("@"):
        _demand(type_ != "g", "a gauge has no sample rate")
        rate = _read_rate(sections.pop(0)[1:])
    tags: dict[str, str] = {}
    if sections and sections[0].startswith("#"):
        tags = _read_tags(sections.pop(0)[1:])
    _demand(not sections, f"a section that is unknown or in the wrong place: {'|'.join(sections)!r}")
    _demand(len(values) == 1 or type_ in _TIMINGS, "packed values are for timings")
    if dialect == "statsd":
        _demand(not tags, "tags are of another dialect")
        _demand(len(values) == 1, "packed values are of another dialect")
        _demand(type_ not in {"h", "d"}, f"type {type_!r} is of another dialect")
    numbers = tuple(_read_number(value) for value in values)
    _demand(type_ != "ms" or min(numbers) >= 0, "a negative duration")
    return StatsdLine(name, type_, numbers, rate, tags)


def _check_name(name: str) -> None:
    _demand(bool(name), "an empty name")
    _demand(not name.startswith("_"), "a name with a leading underscore")
    for node in name.split("."):
        _demand(bool(node), "a name with an empty node")
        _demand(_NODE.fullmatch(node) is not None, f"a character outside the charset in {node!r}")


def _read_number(text: str) -> int | Fraction:
    _demand(_NUMBER.fullmatch(text) is not None, f"not a plain decimal number: {text!r}")
    number = Fraction(text) if "." in text else int(text)
    _demand(number != 0 or not text.startswith("-"), "a negative zero")
    return number


def _read_rate(text: str) -> Fraction:
    _demand(_RATE.fullmatch(text) is not None, f"not a plain decimal rate: {text!r}")
    rate = Fraction(text)
    _demand(0 < rate <= 1, f"a rate outside (0, 1]: {text!r}")
    return rate


def _read_tags(text: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    for tag in text.split(","):
        key, colon, value = tag.partition(":")
        _demand(bool(colon) and bool(value), f"a bare tag: {tag!r}")
        _demand(_TAG_KEY.fullmatch(key) is not None, f"a tag key outside the charset: {key!r}")
        _demand(_TAG_VALUE.fullmatch(value) is not None, f"a tag value outside the charset: {value!r}")
        _demand(key not in tags, f"a tag key twice: {key!r}")
        tags[key] = value
    return tags


def _is_step(line: StatsdLine, before: StatsdLine | Refusal | None, dialect: StatsdDialect | None) -> bool:
    """Tell whether a server would move the gauge of *line* instead of setting it."""
    if line.type != "g" or line.values[0] >= 0:
        return False
    if dialect == "datadog" or (dialect is None and line.tags):
        return False
    follows_its_zero = (
        isinstance(before, StatsdLine)
        and (before.name, before.type, before.tags) == (line.name, "g", line.tags)
        and before.values == (0,)
    )
    return not follows_its_zero


def _demand(holds: bool, reason: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise _Malformed(reason)
