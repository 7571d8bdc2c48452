"""What each series is called on the wire: rendered once, never merged with another by cleaning."""

import logging
import zlib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from queue_telemetry._runtime import say
from queue_telemetry.metrics import OTHER, Kind, Owner, Series
from queue_telemetry.statsd._cleaning import clean_key, clean_name, clean_value, tag_suffix
from queue_telemetry.statsd._dialect import MAX_NAME_CHARS, Dialect

__all__ = ["Rendered", "SeriesNames", "clean_constant_tags"]

_OWNED: Final = frozenset({Owner.PROCESS, Owner.USER})
_MAX_SERIES = 100_000  # forgets all beyond it: a leak of series must not become one of names
_MAX_HOST_CHARS = 63  # of a DNS label
_SECONDS = "_seconds"

_Identity = tuple[Kind, str, tuple[str, ...], tuple[tuple[str, str], ...]]


class Rendered(NamedTuple):
    """How one series is written.

    Attributes:
        name: All that comes before the colon: prefix, metric name and, in dialects that have them there, the tags or
            their values.
        tags: What ends the line, such as `"|#queue:mail"`; empty for nothing.
    """

    name: str
    tags: str


def clean_constant_tags(tags: Mapping[str, str], dialect: Dialect) -> dict[str, str]:
    """Return the constant tags as *dialect* sends them; none in a dialect without tags, which is said."""
    if dialect.tags is None:
        if tags:
            say(
                "statsd_constant_tags",
                "The plain StatsD dialect has no tags: constant ones stay out.",
                level=logging.INFO,
            )
        return {}
    clean = {clean_key(key, dialect): clean_value(value, dialect) for key, value in tags.items() if value}
    return {key: value for key, value in clean.items() if key not in dialect.tags.left_out}


class SeriesNames:
    """Renders series for one dialect. Not thread-safe: its one user is the flush.

    Args:
        dialect: What the receiver understands.
        prefix: In front of every name, clean; empty for none.
        constant_tags: From `clean_constant_tags`.
        timer_type: The line type of timings; names of `h` and `d` timings end in `_seconds`.
        host: Tells this host's gauges from others' where no agent does.
        slot: Tells this process's gauges from its siblings'.
        fields: What comes behind the tags of every line.

    Attributes:
        folded: Series that stand for all beyond a metric's limit.
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
            self._owner["host"] = _node(host[:_MAX_HOST_CHARS], dialect)
        if slot is not None:
            self._owner["slot"] = str(slot)
        self._fields = fields
        self.folded = 0
        self._rendered: dict[Series, Rendered | None] = {}
        self._holders: dict[Rendered, _Identity] = {}

    def __len__(self) -> int:
        return len(self._rendered)

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
            self.folded = 0
        rendered = self._distinct(series)
        self._rendered[series] = rendered
        self.folded += OTHER in series.values
        return rendered

    def _distinct(self, series: Series) -> Rendered | None:
        if series.static_tags and self._dialect.tags is None:
            say(
                "statsd_static_tags",
                "The plain StatsD dialect has no tags: a task's stay out.",
                level=logging.INFO,
            )
        static_tags = series.static_tags if self._dialect.tags is not None else ()
        identity = (series.metric.kind, series.metric.name, series.values, static_tags)
        rendered = self._render(series, "", None)
        attempt = 0
        while rendered is not None and self._holders.setdefault(rendered, identity) != identity:
            suffix = f"_{zlib.crc32(repr((identity, attempt)).encode('utf-8', 'backslashreplace')):08x}"
            place = None if attempt else _first_difference(identity, self._holders[rendered])
            rendered = self._render(series, suffix, place)
            say(
                "statsd_name_collision",
                "Two series are called alike once cleaned; the later one is sent as %s.",
                "".join(rendered or ()),
            )
            attempt += 1
        return rendered

    def _render(self, series: Series, suffix: str, place: int | None) -> Rendered | None:
        """Render with *suffix* behind the value at *place*, or behind the metric's name when that is None."""
        metric = series.metric
        unit = _SECONDS if metric.kind is Kind.TIMER and self._in_seconds else ""
        ending = unit if place is not None else unit + suffix
        name = clean_name(f"{self._prefix}{metric.name}", self._dialect)
        if len(name) < len(self._prefix) or not name:
            return None
        name = name[: MAX_NAME_CHARS - len(ending)].rstrip(".") + ending
        owner = self._owner if metric.kind is Kind.GAUGE and metric.owner in _OWNED else {}
        if self._dialect.tags is None:
            nodes = [_node(value, self._dialect) for value in series.values]
            return self._with_nodes(name, nodes, list(owner.values()), suffix, place)
        own = zip(metric.tags, _suffixed(series.values, suffix, place), strict=False)
        tags = tag_suffix(own, series.static_tags, self._constant_tags, self._dialect, owner=owner)
        return (
            Rendered(name + tags, "") if self._dialect.tags.in_name else Rendered(name, tags + self._fields)
        )

    def _with_nodes(
        self, name: str, nodes: list[str], owner_nodes: list[str], suffix: str, place: int | None
    ) -> Rendered | None:
        """Put tag values behind the name, cut so that all fit: the depth never changes, the name ends in time."""
        fixed = ".".join([name, *owner_nodes])
        room = MAX_NAME_CHARS - len(fixed)
        if nodes:
            room = room // len(nodes) - 1
            if room <= len(suffix):
                return None
            nodes = [node[:room] for node in nodes]
            if place is not None:
                nodes[place] = nodes[place][: room - len(suffix)] + suffix
        elif room < 0:
            return None
        return Rendered(".".join([name, *nodes, *owner_nodes]), "")


def _node(value: str, dialect: Dialect) -> str:
    return clean_value(value, dialect) or "none"


def _suffixed(values: Sequence[str], suffix: str, place: int | None) -> list[str]:
    """Return raw tag values, the one at *place* short enough that the suffix behind it survives cleaning."""
    changed = list(values)
    if place is not None:
        changed[place] = changed[place][:_MAX_HOST_CHARS] + suffix
    return changed


def _first_difference(identity: _Identity, holder: _Identity) -> int | None:
    """Tell which tag value sets two series of one metric apart; None when something else does."""
    if identity[:2] != holder[:2]:
        return None
    pairs = zip(identity[2], holder[2], strict=False)
    return next((place for place, (value, other) in enumerate(pairs) if value != other), None)
