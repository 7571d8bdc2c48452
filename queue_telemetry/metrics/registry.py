"""The registry: gives each series its cell, guards how many there are, and collects them all."""

import re
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Final, TypeVar

from queue_telemetry._runtime import Clock, DropReason, Gate, say
from queue_telemetry.metrics.batch import Batch, Series
from queue_telemetry.metrics.catalog import CATALOG, Kind, Metric, Owner
from queue_telemetry.metrics.fresh_cells import FreshCells
from queue_telemetry.metrics.instruments import Cell, Counter, Gauge, Marks
from queue_telemetry.metrics.timer import Timer

__all__ = ["OTHER", "SHARED_GAUGE_EXPIRES_S", "Registry"]

OTHER: Final = "__other__"
"""The tag value of the series into which a metric's series beyond the limit fold."""
SHARED_GAUGE_EXPIRES_S: Final = 300.0  # a shared value that nobody renews is unknown, not for ever true
_MAX_USER_METRICS: Final = 1_000
_MAX_VALUE_CHARS: Final = 200
_UNSAFE_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_.-]")
_EMPTY_NODES: Final = re.compile(r"\.{2,}")

C = TypeVar("C", Counter, Gauge, Timer)
Tags = tuple[tuple[str, str], ...]


class Registry:
    """Every series of one telemetry.

    Lock-free: a cell is made with one atomic `dict.setdefault`, so threads that race for a new series share one cell, and
    a signal handler can make another in between. Racing threads may pass a limit by their own number.

    Attributes:
        max_series: Series a metric may have; the rest fold into one tagged `__other__`.
    """

    def __init__(self, gate: Gate, clock: Clock) -> None:
        self.max_series = 1_000
        self._gate = gate
        self._clock = clock
        self._cells: dict[str, dict[tuple[tuple[str, ...], Tags], Cell]] = {}
        self._fresh = FreshCells()
        self._user_metrics: dict[str, Metric] = {}
        self._refused: dict[Kind, Cell] = {}
        self._sources: list[Callable[[Batch], None]] = []
        self._folded = Marks()
        self._folded_before_fork = 0
        self._invalid = Marks()  # one for all instruments: a collection reads it once
        self._overflowed: set[str] = set()

    def counter(self, metric: Metric, values: tuple[str, ...] = (), static_tags: Tags = ()) -> Counter:
        """Return the counter of a series."""
        return self._cell(metric, values, static_tags, self._new_counter)

    def timer(
        self,
        metric: Metric,
        values: tuple[str, ...] = (),
        static_tags: Tags = (),
        *,
        marks: Marks | None = None,
    ) -> Timer:
        """Return the timer of a series; *marks* promise it a sample each, beside its own."""
        timer = self._cell(metric, values, static_tags, self._new_timer)
        if marks is not None:
            timer.promise(marks)
        return timer

    def gauge(self, metric: Metric, values: tuple[str, ...] = ()) -> Gauge:
        """Return the gauge of a series."""
        return self._cell(metric, values, (), self._new_gauge)

    def user_counter(self, name: object, tags: Mapping[str, object]) -> Counter:
        """Return the counter of a user's name and tags."""
        found = self._user_metric(name, Kind.COUNTER, tags)
        return self._refuse(name, Kind.COUNTER, self._new_counter) if found is None else self.counter(*found)

    def user_gauge(self, name: object, tags: Mapping[str, object]) -> Gauge:
        """Return the gauge of a user's name and tags."""
        found = self._user_metric(name, Kind.GAUGE, tags)
        return self._refuse(name, Kind.GAUGE, self._new_gauge) if found is None else self.gauge(*found)

    def user_timer(self, name: object, tags: Mapping[str, object]) -> Timer:
        """Return the timer of a user's name and tags."""
        found = self._user_metric(name, Kind.TIMER, tags)
        return self._refuse(name, Kind.TIMER, self._new_timer) if found is None else self.timer(*found)

    def _refuse(self, name: object, kind: Kind, make: Callable[[Series], C]) -> C:
        """Return an instrument whose calls count as dropped: the name cannot be used."""
        say(
            "refused_metric",
            "metric %.100r is refused: no usable name, of another kind, or one too many",
            _exact_text(name) or type(name),
        )
        cell = self._refused.get(kind)
        if cell is None:
            cell = self._refused.setdefault(kind, make(Series(Metric("refused", kind))))
        return cell  # type: ignore[return-value] # one cell for each kind

    def _user_metric(
        self, name: object, kind: Kind, tags: Mapping[str, object]
    ) -> tuple[Metric, tuple[str, ...]] | None:
        """Return the metric that a user's name and tags stand for, and the tag values in its order.

        The first use of a name fixes its kind and its tag keys: a key that is missing later is absent, one that is new is
        left out. None when the name is no name, belongs to the library, or is of another kind.
        """
        text = _exact_text(name)
        if text is None or not text.strip() or len(text) > _MAX_VALUE_CHARS:
            return None
        texts = {str.__str__(key): tag_text(value) for key, value in tags.items()}
        metric = self._user_metrics.get(text)
        if metric is None:
            if len(self._user_metrics) >= _MAX_USER_METRICS or _is_librarys(text):
                return None
            owner = Owner.USER if kind is Kind.GAUGE else None
            metric = self._user_metrics.setdefault(text, Metric(text, kind, tuple(texts), owner=owner))
        if metric.kind is not kind:
            return None
        if tuple(texts) == metric.tags:
            return metric, tuple(texts.values())
        if not texts.keys() <= set(metric.tags):
            say(
                "tag_keys",
                "metric %r has the tag keys %s; others are left out",
                text,
                ", ".join(metric.tags) or "none",
            )
        return metric, tuple(texts.get(key, "") for key in metric.tags)

    def add_source(self, source: Callable[[Batch], None]) -> None:
        """Have *source* called by every collection, to put more into the batch."""
        self._sources.append(source)

    def collect(self, into: Batch | None = None, *, apart_from: Container[str] | None = None) -> Batch:
        """Drain every cell exactly once. One collection at a time: the caller holds the collect lock.

        Args:
            into: The batch to add to, for a caller that keeps what a collection has drained which an exception cut
                short, a signal handler's say; None makes one.
            apart_from: Metrics whose cells are left for another time, and with them the sources and gauges that nobody
                set; None for a whole collection.
        """
        batch = Batch() if into is None else into
        if apart_from is None:
            for cell in self._look():
                cell.drain(batch)
        else:
            for name, cells in list(self._cells.items()):
                if name not in apart_from:
                    for cell in list(cells.values()):
                        if not isinstance(cell, Gauge) or cell.was_set():
                            cell.drain(batch)
        for cell in list(self._refused.values()):
            refused = Batch()
            cell.drain(refused)
            batch.drop(refused.weight, DropReason.INVALID)
        batch.drop(self._invalid.take_new(), DropReason.INVALID)
        for source in self._sources if apart_from is None else ():
            source(batch)
        return batch

    def discard(self) -> None:
        """In a forked child: what the cells hold is the parent's, so drain it and let it go."""
        for cells in list(self._cells.values()):
            for cell in list(cells.values()):
                if isinstance(cell, Gauge):
                    cell.forget()  # before the drain: that it is unknown is not the child's to say
        self.collect()
        self._folded_before_fork = self._folded.read()

    def stats(self) -> dict[str, int]:
        """Return how many series there are, and how often one was asked for that had to fold."""
        return {
            "series": sum(len(cells) for cells in list(self._cells.values())),
            "folded": self._folded.read() - self._folded_before_fork,
        }

    def _look(self) -> Iterator[Cell]:
        every = list(self._cells.values())
        if self._fresh.number != sum(map(len, every)):  # there is no cell less than before, ever
            self._fresh.watch([cell for cells in every for cell in list(cells.values())])
        return self._fresh.look()

    def _cell(
        self, metric: Metric, values: tuple[str, ...], static_tags: Tags, make: Callable[[Series], C]
    ) -> C:
        cells = self._cells.get(metric.name)
        if cells is None:
            cells = self._cells.setdefault(metric.name, {})
        key = (values, static_tags)
        cell = cells.get(key)
        if cell is None:
            if len(cells) >= self.max_series:
                key = self._fold(metric)
            cell = cells.setdefault(key, make(Series(metric, *key)))
        return cell  # type: ignore[return-value] # one name has one kind, so the cell is what `make` makes

    def _fold(self, metric: Metric) -> tuple[tuple[str, ...], Tags]:
        self._folded.mark()
        if metric.name not in self._overflowed:
            self._overflowed.add(metric.name)
            say(
                "max_series",
                "metric %s has %d series; more fold into %s",
                metric.name,
                self.max_series,
                OTHER,
            )
        return (OTHER,) * len(metric.tags), ()

    def _new_counter(self, series: Series) -> Counter:
        return Counter(series, self._gate, self._invalid)

    def _new_timer(self, series: Series) -> Timer:
        return Timer(series, self._gate, self._clock, self._invalid)

    def _new_gauge(self, series: Series) -> Gauge:
        expires_s = SHARED_GAUGE_EXPIRES_S if series.metric.owner is Owner.SHARED else None
        return Gauge(series, self._gate, self._clock, self._invalid, expires_s=expires_s)


def tag_text(value: object) -> str:
    """Return a tag value as text, cut to a sane length; empty for None and for what has no text."""
    if value is None:
        return ""
    if type(value) is str:
        return value[:_MAX_VALUE_CHARS]
    try:
        return str.__str__(str(value))[:_MAX_VALUE_CHARS]
    except Exception:  # noqa: BLE001 - the user's class answers here
        return ""


def _is_librarys(name: str) -> bool:
    """Tell whether a name could be read as one of the library's where tag values are written behind it, as nodes."""
    clean = _EMPTY_NODES.sub(".", _UNSAFE_IN_NAMES.sub("_", name)).strip("_.") + "."
    return any(clean.startswith(f"{known}.") or f"{known}.".startswith(clean) for known in CATALOG)


def _exact_text(value: object) -> str | None:
    """Return the text of a string, whatever its class overrides; None for what is no string."""
    return str.__str__(value) if issubclass(type(value), str) else None
