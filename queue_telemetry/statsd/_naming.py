"""What each series is called on the wire: rendered once, never merged with another by cleaning.

A series is called the same by every process, whatever else that process knows: a name or tag value that cleaning left
readable stays as it is, and any other gets a mark behind it, made of the raw series alone. Readable is what did not
change, or only by the one character for which the dialect has `_` (a dot in a value of a plain name, so that
`app.tasks.send` is `app_tasks_send` and bears no mark). That leaves the rare pair such as `mail.in` and `mail_in`: a
process that knows both marks the one that was changed, whichever came first; where each is known to another process, the
receiver cannot tell them apart.
"""

import logging
from collections.abc import Mapping
from enum import IntEnum
from typing import Final, NamedTuple

from queue_telemetry._runtime import say
from queue_telemetry.metrics import OTHER, Kind, Owner, Series
from queue_telemetry.statsd._cleaning import (
    clean_key,
    clean_name,
    clean_value,
    is_readable,
    max_value_chars,
    tag_suffix,
    text_mark,
)
from queue_telemetry.statsd._dialect import MAX_NAME_CHARS, Dialect

__all__ = ["Rendered", "SeriesNames"]

_OWNED: Final = frozenset({Owner.PROCESS, Owner.USER})
_MAX_SERIES = 100_000  # forgets all beyond it: a leak of series must not become one of names
_MAX_HOST_CHARS = 63  # of a DNS label
_SECONDS = "_seconds"
_ABSENT: Final = "none"  # in the names of plain StatsD, whose depth is fixed

_Identity = tuple[Kind, str, tuple[str, ...], tuple[tuple[str, str], ...]]
_Rank = tuple[bool, int, _Identity, int]
"""Of two that are called alike the smaller goes first: what cleaning did not change, and then what has fewer values.
The last is the number of marks that it was called so with."""


class Rendered(NamedTuple):
    """How one series is written.

    Attributes:
        name: All that comes before the colon: prefix, metric name and, in dialects that have them there, the tags or
            their values.
        tags: What ends the line, such as `"|#queue:mail"`; empty for nothing.
    """

    name: str
    tags: str


class SeriesNames:
    """Renders series for one dialect. Not thread-safe: its one user is the flush.

    Args:
        dialect: What the receiver understands.
        prefix: In front of every name, clean; empty for none.
        constant_tags: Clean tags of every line.
        timer_type: The line type of timings; names of `h` and `d` timings end in `_seconds`.
        host: Tells this host's gauges from others' where no agent does.
        slot: Tells this process's gauges from its siblings'.
        fields: What comes behind the tags of every line.
    """

    def __init__(
        self,
        dialect: Dialect,
        prefix: str,
        constant_tags: Mapping[str, str],
        *,
        timer_type: str,
        host: str,
        slot: int | None,
        fields: str = "",
    ) -> None:
        self._dialect = dialect
        self._prefix = f"{prefix}." if prefix else ""
        self._constant_tags = constant_tags
        self._in_seconds = timer_type != "ms"
        self._owner: dict[str, str] = {}  # of gauges that a process owns
        if not dialect.agent_adds_host:
            self._owner["host"] = self._clean_value(host[:_MAX_HOST_CHARS]) or _ABSENT
        if slot is not None:
            self._owner["slot"] = str(slot)
        self._fields = fields
        self._folded: set[Series] = set()
        self._rendered: dict[Series, Rendered | None] = {}
        self._holders: dict[Rendered, _Rank] = {}
        self._marks: dict[_Identity, int] = {}

    def __len__(self) -> int:
        return len(self._rendered)

    @property
    def folded(self) -> int:
        """Series that stand for all beyond a metric's limit."""
        return len(self._folded)

    def __getitem__(self, series: Series) -> Rendered | None:
        """Return how *series* is written; None when no name is left of it or its fixed parts are too long."""
        try:
            return self._rendered[series]
        except KeyError:
            return self._add(series)

    def _add(self, series: Series) -> Rendered | None:
        if len(self._rendered) >= _MAX_SERIES:
            self._rendered.clear()
            self._holders.clear()
            self._marks.clear()
            self._folded.clear()
        rendered = self._distinct(series)
        self._rendered[series] = rendered
        if OTHER in series.values:
            self._folded.add(series)
        return rendered

    def _distinct(self, series: Series) -> Rendered | None:
        """Render a series, with one more mark for as long as another that goes first is called the same."""
        if series.static_tags and self._dialect.tags is None:
            say(
                "statsd_static_tags",
                "The plain StatsD dialect has no tags: a task's stay out.",
                level=logging.INFO,
            )
        static_tags = series.static_tags if self._dialect.tags is not None else ()
        identity = (series.metric.kind, series.metric.name, series.values, static_tags)
        while True:
            rendered, changed = self._render(series, identity)
            if rendered is None:
                return None
            rank = (changed, len(series.values), identity, self._marks.get(identity, 0))
            holder = self._holders.setdefault(rendered, rank)
            if holder == rank:
                return rendered
            first, (_, _, second, marks) = sorted((holder, rank))
            self._marks[second] = marks + 1
            if first is rank:  # whoever was called so until now is called anew
                self._rendered = {held: name for held, name in self._rendered.items() if name != rendered}
                self._holders[rendered] = rank
            say(
                "statsd_name_collision",
                "Two series are called alike once cleaned; one of them gets a mark behind %s.",
                rendered.name,
            )

    def _render(self, series: Series, identity: _Identity) -> tuple[Rendered | None, bool]:
        """Render with the marks that the series needs so far; tell also whether cleaning changed anything."""
        metric = series.metric
        unit = _SECONDS if metric.kind is Kind.TIMER and self._in_seconds else ""
        raw_name = f"{self._prefix}{metric.name}"
        name = clean_name(raw_name, self._dialect)[: MAX_NAME_CHARS - len(unit)].rstrip(".")
        if len(name) < len(self._prefix) or not name:
            return None, False
        values = [self._clean_value(value) for value in series.values]
        changes = [
            _change(raw_name, name, self._dialect.replaced_in_names),
            *map(self._value_change, series.values, values, self._limits(series, f"{name}{unit}")),
        ]
        worst = max(changes)
        place = changes.index(worst)  # of the first part that needs a mark most; 0 is the name
        mark = _mark(identity, self._marks.get(identity, 0) + (worst is _Change.UNREADABLE))
        if place == 0:
            name = name[: MAX_NAME_CHARS - len(unit) - len(mark)].rstrip(".") + unit + mark
        else:
            name += unit
        limits = self._limits(series, name)
        if min(limits, default=len(mark) + 1) <= len(mark):
            return None, False
        values = [value[:limit] for value, limit in zip(values, limits, strict=False)]
        if place:
            values[place - 1] = values[place - 1][: limits[place - 1] - len(mark)] + mark
        return self._assembled(series, name, values), worst is not _Change.NONE

    def _assembled(self, series: Series, name: str, values: list[str]) -> Rendered | None:
        """Put clean parts together; None when they are too long."""
        owner = self._owner_of(series)
        form = self._dialect.tags
        if form is None:
            text = ".".join([name, *values, *owner.values()])
            return Rendered(text, "") if len(text) <= MAX_NAME_CHARS else None
        own = zip(series.metric.tags, values, strict=False)
        tags = tag_suffix(own, series.static_tags, self._constant_tags, self._dialect, owner=owner)
        return Rendered(name + tags, "") if form.in_name else Rendered(name, tags + self._fields)

    def _clean_value(self, value: str) -> str:
        clean = clean_value(value, self._dialect)
        return clean or _ABSENT if self._dialect.tags is None else clean

    def _value_change(self, raw: str, clean: str, limit: int) -> "_Change":
        if self._dialect.tags is None and raw in {"", _ABSENT}:
            return _Change.READABLE if raw else _Change.NONE  # an absent value is called so first
        return _change(raw, clean[:limit], self._dialect.replaced_in_values)

    def _limits(self, series: Series, name: str) -> list[int]:
        """Return how many characters each value may have, so that the depth never changes and all of it fits."""
        if self._dialect.tags is not None:
            keys = series.metric.tags[: len(series.values)]
            return [max_value_chars(clean_key(key, self._dialect)) for key in keys]
        nodes = len(series.values)
        room = MAX_NAME_CHARS - len(".".join([name, *self._owner_of(series).values()]))
        return [room // nodes - 1] * nodes if nodes else []

    def _owner_of(self, series: Series) -> Mapping[str, str]:
        """Return what tells a gauge apart that one process owns; nothing for other series."""
        return self._owner if _is_owned(series) else {}


class _Change(IntEnum):
    """What cleaning did to a name or value: nothing, what anyone can read, or more than that."""

    NONE = 0
    READABLE = 1
    UNREADABLE = 2


def _change(raw: str, clean: str, replaced: str) -> _Change:
    if raw == clean:
        return _Change.NONE
    return _Change.READABLE if is_readable(raw, clean, replaced) else _Change.UNREADABLE


def _mark(identity: _Identity, attempt: int) -> str:
    """Return what tells a series apart: made of the raw series, so that every process makes the same; empty for 0."""
    return text_mark(repr((identity, attempt))) if attempt else ""


def _is_owned(series: Series) -> bool:
    return series.metric.kind is Kind.GAUGE and series.metric.owner in _OWNED
