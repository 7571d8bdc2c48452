"""Writes Datadog's events and service checks. Pure: no clock, no socket, no state.

Source: https://docs.datadoghq.com/developers/dogstatsd/datagram_shell
"""

import re
from collections.abc import Iterable
from typing import Final, TypedDict, Unpack

__all__ = ["CheckFields", "EventFields", "event_line", "service_check_line"]

_ALERT_TYPES: Final = frozenset({None, "error", "warning", "info", "success"})
_PRIORITIES: Final = frozenset({None, "normal", "low"})
_STATUSES: Final = frozenset({0, 1, 2, 3})
_LATEST_S: Final = 1 << 40
_NEW_LINES: Final = re.compile(r"\r\n|\r|\n")
_NOT_IN_FIELDS: Final = re.compile(r"[\x00-\x1f|]")
_MAX_FIELD_CHARS: Final = 100  # of an aggregation key; host and check names are as short


class EventFields(TypedDict, total=False):
    """What an event may have.

    Attributes:
        alert_type: `error`, `warning`, `info` or `success`.
        priority: `normal` or `low`.
        aggregation_key: Groups events.
        source_type: What it comes from, such as `nagios`.
        hostname: Instead of the Agent's host.
        date_s: When it happened, in seconds since the epoch; now when None.
    """

    alert_type: str | None
    priority: str | None
    aggregation_key: str | None
    source_type: str | None
    hostname: str | None
    date_s: float | None


class CheckFields(TypedDict, total=False):
    """What a service check may have.

    Attributes:
        message: What to tell people.
        hostname: Instead of the Agent's host.
        date_s: When it was checked, in seconds since the epoch; now when None.
    """

    message: str | None
    hostname: str | None
    date_s: float | None


def event_line(title: str, text: str, *, suffix: str = "", **fields: Unpack[EventFields]) -> str:
    """Write one event, such as `"_e{5,4}:title|text|t:error|#env:prod"`; the lengths are in UTF-8 bytes.

    Args:
        title: One line or more; not empty.
        text: May be empty.
        suffix: The tags and what follows them, clean.
        **fields: What else is known.

    Raises:
        ValueError: Something is none of what it may be.
        TypeError: There is no such field.
    """
    _check_names(fields.keys(), EventFields.__annotations__)
    alert_type, priority = fields.get("alert_type"), fields.get("priority")
    title, text = _one_line(title), _one_line(text)
    if not title or alert_type not in _ALERT_TYPES or priority not in _PRIORITIES:
        raise ValueError
    written = [
        _date(fields.get("date_s")),
        _field("h", fields.get("hostname")),
        _field("k", fields.get("aggregation_key")),
        _field("p", priority),
        _field("s", fields.get("source_type")),
        _field("t", alert_type),
    ]
    lengths = f"{len(title.encode())},{len(text.encode())}"
    return f"_e{{{lengths}}}:{title}|{text}{''.join(written)}{suffix}"


def service_check_line(name: str, status: int, *, suffix: str = "", **fields: Unpack[CheckFields]) -> str:
    """Write one service check, such as `"_sc|redis.can_connect|2|#env:prod|m:timed out"`; the message comes last.

    Args:
        name: Clean.
        status: 0 is ok, 1 a warning, 2 critical, 3 unknown.
        suffix: The tags and what follows them, clean.
        **fields: What else is known.

    Raises:
        ValueError: Something is none of what it may be.
        TypeError: There is no such field.
    """
    _check_names(fields.keys(), CheckFields.__annotations__)
    message = fields.get("message")
    if not name or type(status) is bool or status not in _STATUSES:
        raise ValueError
    said = "" if message is None else _one_line(message).replace("|", "_").replace("m:", "m\\:")
    ending = f"|m:{said}" if said else ""
    when, where = _date(fields.get("date_s")), _field("h", fields.get("hostname"))
    return f"_sc|{name}|{int(status)}{when}{where}{suffix}{ending}"


def _check_names(given: Iterable[str], known: Iterable[str]) -> None:
    unknown = set(given) - set(known)
    if unknown:
        raise TypeError(f"no such field: {', '.join(sorted(unknown))}")


def _one_line(text: str) -> str:
    """Return text in one line that can be encoded: new lines become a backslash and an n, half characters `?`."""
    text = str.__str__(text)  # a subclass may encode itself as it likes
    return _NEW_LINES.sub(r"\\n", text).encode("utf-8", "replace").decode()


def _field(key: str, text: str | None) -> str:
    if text is None:
        return ""
    clean = _NOT_IN_FIELDS.sub("_", str.__str__(text)[:_MAX_FIELD_CHARS]).encode("utf-8", "replace").decode()
    return f"|{key}:{clean}" if clean else ""


def _date(date_s: float | None) -> str:
    if date_s is None:
        return ""
    if not 1 <= date_s < _LATEST_S:  # false for NaN
        raise ValueError
    return f"|d:{int(date_s)}"
