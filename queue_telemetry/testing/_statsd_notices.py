"""Reads Datadog's events and service checks as strictly as metrics are read. Pure: no clock, no socket, no state."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from queue_telemetry.testing._statsd_grammar import Refusal

__all__ = ["ServiceCheck", "StatsdEvent", "is_notice", "read_notice"]

_EVENT: Final = re.compile(rb"_e\{(\d+),(\d+)\}:(.*)", re.DOTALL)
_EVENT_FIELDS: Final = frozenset("dhkpst")
_CHECK_FIELDS: Final = frozenset("dh")
_TAGS: Final = "#"
_MESSAGE: Final = "m"


@dataclass(frozen=True, slots=True)
class StatsdEvent:
    """One event.

    Attributes:
        title: What happened, its line breaks still escaped.
        text: More about it.
        fields: The optional fields by their letter, such as `t` for the alert type.
        tags: Tag keys to values.
    """

    title: str
    text: str
    fields: Mapping[str, str]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ServiceCheck:
    """One service check.

    Attributes:
        name: The check's.
        status: 0 is ok, 1 a warning, 2 critical, 3 unknown.
        message: What it says; empty without one.
        fields: The other optional fields by their letter.
        tags: Tag keys to values.
    """

    name: str
    status: int
    message: str
    fields: Mapping[str, str]
    tags: Mapping[str, str]


def is_notice(payload: bytes) -> bool:
    """Tell whether a datagram is one of the two."""
    return payload.startswith((b"_e{", b"_sc|"))


def read_notice(payload: bytes) -> StatsdEvent | ServiceCheck | Refusal:
    """Read `_e{lengths}:title|text|...` or `_sc|name|status|...`, alone in its datagram.

    Source: https://docs.datadoghq.com/developers/dogstatsd/datagram_shell
    """
    try:
        return _read_event(payload) if payload.startswith(b"_e{") else _read_check(payload.decode())
    except ValueError as error:  # what is not UTF-8 too
        return Refusal(payload, str(error))


def _read_event(payload: bytes) -> StatsdEvent:
    found = _EVENT.fullmatch(payload)
    if found is None:
        raise ValueError("an event without its lengths")
    title_bytes, text_bytes, rest = int(found[1]), int(found[2]), found[3]
    end = title_bytes + 1 + text_bytes
    title, bar, text = rest[:title_bytes], rest[title_bytes : title_bytes + 1], rest[title_bytes + 1 : end]
    if bar != b"|" or len(text) != text_bytes or rest[end : end + 1] not in {b"", b"|"}:
        raise ValueError("lengths that are not those of title and text")
    if not title or b"\n" in rest:
        raise ValueError("an event without a title, or with a line break")
    fields, tags, _ = _read_sections(rest[end + 1 :].decode(), _EVENT_FIELDS)
    return StatsdEvent(title.decode(), text.decode(), fields, tags)


def _read_check(text: str) -> ServiceCheck:
    _, name, *rest = text.split("|", 3)
    if not name or "\n" in text or not rest or rest[0] not in {"0", "1", "2", "3"}:
        raise ValueError("a service check without a name and a status, or with a line break")
    fields, tags, message = _read_sections("".join(rest[1:]), _CHECK_FIELDS)
    return ServiceCheck(name, int(rest[0]), message, fields, tags)


def _read_sections(text: str, known: frozenset[str]) -> tuple[dict[str, str], dict[str, str], str]:
    fields: dict[str, str] = {}
    tags: dict[str, str] = {}
    message = ""
    for section in text.split("|") if text else ():
        key, colon, value = section.partition(":")
        if message:
            raise ValueError("a message that is not the last section")
        if section.startswith(_TAGS):
            tags = dict(tag.partition(":")[::2] for tag in section[1:].split(","))
        elif key == _MESSAGE and known is _CHECK_FIELDS and value:
            message = value
        elif key in known and colon and value and key not in fields:
            fields[key] = value
        else:
            raise ValueError(f"a section that is unknown, empty or there twice: {section!r}")
    return fields, tags, message
