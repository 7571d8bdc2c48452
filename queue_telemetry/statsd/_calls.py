"""The calls of a StatsD client, shared by the client and its pipeline: the package's own, with tags, never raising."""

import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Unpack

from statsd.client.base import StatsClientBase
from typing_extensions import override

from queue_telemetry._runtime import DropReason, say
from queue_telemetry.statsd._call_names import CallNames
from queue_telemetry.statsd._cleaning import clean_name, clean_set_value, exact_text, marked
from queue_telemetry.statsd._dialect import MAX_NAME_CHARS, Dialect
from queue_telemetry.statsd._events import CheckFields, EventFields, event_line, service_check_line
from queue_telemetry.statsd._gauge_sums import GaugeSums
from queue_telemetry.statsd._numbers import decimal_text
from queue_telemetry.statsd._timer import TaggedTimer

__all__ = ["TaggedCalls"]

_LARGEST_MS = 1e15  # thirty thousand years; more is a mistake, and too long a line
_Tags = Mapping[str, str] | None


class TaggedCalls(StatsClientBase):
    """`incr`, `decr`, `gauge`, `set`, `timing` and `timer` in the package's positional order, plus `tags`.

    What cannot be sent is counted as INVALID; no call raises. Differences from the package's bytes: no exponent in a
    value or a rate, no `-0.0`, and names hold only what servers keep (other characters become `_`).
    """

    _dialect: Dialect
    _names: CallNames
    _gauges: GaugeSums

    @property
    def _maxudpsize(self) -> int:
        """The most that a datagram holds, in bytes; the package's name for it."""
        raise NotImplementedError

    @override
    def incr(self, stat: str, count: float = 1, rate: float = 1, *, tags: _Tags = None) -> None:
        """Add *count* to a counter."""
        self._send_number(stat, decimal_text(count), "|c", rate, tags)

    @override
    def decr(self, stat: str, count: float = 1, rate: float = 1, *, tags: _Tags = None) -> None:
        """Take *count* from a counter. Some servers drop counts below 0."""
        number = decimal_text(count)
        self._send_number(stat, None if number is None else _negated(number), "|c", rate, tags)

    @override
    def gauge(
        self, stat: str, value: float, rate: float = 1, delta: bool = False, *, tags: _Tags = None
    ) -> None:
        """Set a gauge, or change it by *value*: where the server knows no changes, the sum so far is sent."""
        number, is_change = decimal_text(value), _truth(delta)
        is_change_sent = is_change and self._dialect.gauge_deltas
        if number is not None and is_change is not None and not self._dialect.gauge_deltas:
            number = self._summed(stat, number, tags, is_change=is_change)
        if number is None or is_change is None:
            self.refuse("gauge")
        elif number[0] == "-" and not is_change_sent:
            self._send_negative_gauge(stat, number, rate, tags)
        elif number[0] != "-" and is_change_sent:
            self._send_stat(stat, f"+{number}|g", rate, tags)
        else:
            self._send_stat(stat, f"{number}|g", rate, tags)

    @override
    def set(self, stat: str, value: object, rate: float = 1, *, tags: _Tags = None) -> None:
        """Add a member to a set."""
        try:
            member = clean_set_value(exact_text(value))
        except Exception:  # noqa: BLE001 - the user's own object writes itself
            member = ""
        self._send_number(stat, member or None, "|s", rate, tags)

    @override
    def timing(self, stat: str, delta: float | timedelta, rate: float = 1, *, tags: _Tags = None) -> None:
        """Send a duration, in milliseconds or as a timedelta."""
        number = decimal_text(_in_ms(delta))
        valid = number is not None and 0 <= float(number) <= _LARGEST_MS
        self._send_number(stat, f"{float(number or 0):.6f}" if valid else None, "|ms", rate, tags)

    @override
    def timer(self, stat: str, rate: float = 1, *, tags: _Tags = None) -> TaggedTimer:
        """Return a timer for a `with` block or as a decorator."""
        return TaggedTimer(self, stat, rate, tags)

    def event(self, title: str, text: str, *, tags: _Tags = None, **fields: Unpack[EventFields]) -> None:
        """Send an event, where the dialect has them; elsewhere it is refused.

        Args:
            title: What happened; not empty.
            text: More about it; may be empty and have many lines.
            tags: The event's own.
            **fields: What else is known.
        """
        self._send_notice(tags, lambda suffix: event_line(title, text, suffix=suffix, **fields))

    def service_check(
        self, name: str, status: int, *, tags: _Tags = None, **fields: Unpack[CheckFields]
    ) -> None:
        """Send a service check, where the dialect has them; elsewhere it is refused.

        Args:
            name: The check's name, such as `redis.can_connect`; no prefix comes before it.
            status: 0 is ok, 1 a warning, 2 critical, 3 unknown.
            tags: The check's own.
            **fields: What else is known.
        """

        def write(suffix: str) -> str:
            raw = str.__str__(name)
            clean = clean_name(raw, self._dialect)
            checked = clean and marked(raw, clean, self._dialect.replaced_in_names, MAX_NAME_CHARS)
            return service_check_line(checked, status, suffix=suffix, **fields)

        self._send_notice(tags, write)

    def refuse(self, what: str) -> None:
        """Count a call that cannot be sent, and say it."""
        say("statsd_invalid_call", "A call on the StatsD client cannot be sent: %s", what)
        self._drop(DropReason.INVALID)

    @override
    def _after(self, data: str | None) -> None:
        """Take a line, or lines that must share a datagram."""
        raise NotImplementedError

    def _drop(self, reason: DropReason) -> None:
        """Count a call that was lost."""
        raise NotImplementedError

    def _send_notice(self, tags: _Tags, write: Callable[[str], str]) -> None:
        suffix = self._names.tags(tags) if self._dialect.events else None
        try:
            line = None if suffix is None else write(suffix)
        except Exception:  # noqa: BLE001 - what is no text or number fails in many ways
            line = None
        if line is None:
            self.refuse("event or service check")
        else:
            self._after(line)

    def _send_number(self, stat: str, number: str | None, ending: str, rate: float, tags: _Tags) -> None:
        if number is None:
            self.refuse("value")
        else:
            self._send_stat(stat, number + ending, rate, tags)

    def _summed(self, stat: str, number: str, tags: _Tags, *, is_change: bool) -> str | None:
        """Return what the gauge stands at after this call."""
        key = self._names.series(stat, tags)
        if key is not None and is_change:
            return self._gauges.add(key, number)
        if key is not None:
            self._gauges.set(key, number)
        return number

    def _send_negative_gauge(self, stat: str, number: str, rate: float, tags: _Tags) -> None:
        """Set to 0 and then below, in one datagram: a signed value alone is a change, to some that take tags too.

        Source: statsd_exporter takes it for one in DogStatsD's lines as well.
        """
        kept = self._sampled(rate)
        if kept is not None:
            zero = self._prepare(stat, "0|g", 1, tags)
            below = self._prepare(stat, f"{number}|g", 1, tags)
            self._after(f"{zero}\n{below}" if zero and below else None)

    @override
    def _send_stat(self, stat: str, value: str, rate: float, tags: _Tags = None) -> None:
        self._after(self._prepare(stat, value, rate, tags))

    @override
    def _prepare(self, stat: str, value: str, rate: float, tags: _Tags = None) -> str | None:
        """Write one line; None when it is sampled out or refused. The rate comes before the tags."""
        section = self._sampled(rate)
        if section is None:
            return None
        line = self._names.line(stat, value, section, tags)
        if line is None:
            self.refuse("name or tags")
        return line

    def _sampled(self, rate: float) -> str | None:
        """Return the line's rate section, such as `"|@0.5"` or nothing; None when the call is not in the sample."""
        if type(rate) is int and rate >= 1:
            return ""
        number = decimal_text(rate)
        if number is None or float(number) <= 0:
            self.refuse("rate")
            return None
        if float(number) >= 1:
            return ""
        return None if random.random() > float(number) else f"|@{number}"  # noqa: S311 - a sample, not a secret


def _truth(flag: object) -> bool | None:
    """Return whether a flag is set; None when it cannot tell."""
    try:
        return bool(flag)
    except Exception:  # noqa: BLE001 - the user's own object tells
        return None


def _in_ms(duration: object) -> object:
    try:  # the class's own method: one of a subclass may do anything, as may what an object says of its class
        return timedelta.total_seconds(duration) * 1000.0  # type: ignore[arg-type] # raises for all others
    except TypeError:
        return duration


def _negated(number: str) -> str:
    if not number.strip("0."):  # a Decimal's zero has the digits that it has
        return number
    return number[1:] if number[0] == "-" else f"-{number}"
