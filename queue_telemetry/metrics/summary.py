"""What one process tells others of all that it counted: a value that adds up over processes, and has a JSON form.

Pure: no clock, no socket, no state. What belongs to time is kept by absolute minute or slice of the monotonic clock, which
the processes of one host share until it boots again.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, TypeVar

import orjson

from queue_telemetry.metrics import summary_reading as parts
from queue_telemetry.metrics import summary_wire as wire
from queue_telemetry.metrics.catalog import CATALOG
from queue_telemetry.metrics.performance import PerformanceReader, with_running
from queue_telemetry.metrics.sketch import quantiles
from queue_telemetry.metrics.snapshot import Snapshot
from queue_telemetry.metrics.tallies import (
    TYPE_SLICE_S,
    Amounts,
    Buckets,
    ErrorTally,
    Histogram,
    Labels,
    Reading,
    Running,
    SeriesKey,
    TypeSlice,
    added,
)

__all__ = ["Summary", "merge"]

_FORMAT: Final = 1  # of the JSON form; another one is of another version of this package
_LARGEST_INT: Final = 2**63 - 1  # of what JSON writers take
_FAILED: Final = CATALOG["queue.tasks.failed"]
_MINUTE_S: Final = 60.0

K = TypeVar("K")
P = TypeVar("P", TypeSlice, Running, Histogram, ErrorTally, Reading)


@dataclass(frozen=True, slots=True)
class Summary:
    """All that was counted, by one process or by several together.

    Attributes:
        started_s: When counting began, monotonic seconds; None when nothing was counted.
        counters: Every counter since then.
        histograms: Every timer since then, in the fixed buckets of `EDGES_S`.
        gauges: The user's gauges.
        completed: Runs that ended well, in each minute of the last hour.
        failed: Runs that failed, those for the reason `expected` left out.
        retried: Runs that will be tried again.
        timed: Completed and failed runs whose duration is known.
        duration_s: Durations of these runs, seconds together.
        durations: The sketch of these durations, in each slice of `SLICE_S` of the last hour.
        waits: The sketch of the waits.
        types: What each task type on each queue did, in each slice of `TYPE_SLICE_S`.
        running: Runs in flight of each task type on each queue.
        sizes: How many tasks wait, by queue.
        oldest_ages_s: How long the oldest one has waited, by queue.
        errors: Groups of errors, by fingerprint.
    """

    started_s: float | None = None
    counters: Mapping[SeriesKey, float] = field(default_factory=dict)
    histograms: Mapping[SeriesKey, Histogram] = field(default_factory=dict)
    gauges: Mapping[SeriesKey, float] = field(default_factory=dict)
    completed: Amounts = field(default_factory=dict)
    failed: Amounts = field(default_factory=dict)
    retried: Amounts = field(default_factory=dict)
    timed: Amounts = field(default_factory=dict)
    duration_s: Amounts = field(default_factory=dict)
    durations: Mapping[int, Buckets] = field(default_factory=dict)
    waits: Mapping[int, Buckets] = field(default_factory=dict)
    types: Mapping[Labels, Mapping[int, TypeSlice]] = field(default_factory=dict)
    running: Mapping[Labels, Running] = field(default_factory=dict)
    sizes: Mapping[str, Reading] = field(default_factory=dict)
    oldest_ages_s: Mapping[str, Reading] = field(default_factory=dict)
    errors: Mapping[str, ErrorTally] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return the JSON form. Must not raise: text that is no Unicode is replaced."""
        plain: dict[str, Any] = {"format": _FORMAT, "started_s": self.started_s}
        for name, (write, _) in _WIRE.items():
            plain[name] = write(getattr(self, name))
        try:
            return orjson.dumps(plain)
        except TypeError:  # a lone surrogate, or a count of more than 64 bits
            return orjson.dumps(_writable(plain))

    @classmethod
    def from_json(cls, data: bytes) -> "Summary":
        """Return what `to_json` wrote.

        Raises:
            ValueError: *data* is malformed, or of another version of this package.
        """
        plain = orjson.loads(data)
        if type(plain) is not dict or plain.keys() != _KEYS or plain["format"] != _FORMAT:
            raise ValueError("no summary, or one of another version")
        return cls(
            wire.to_number(plain["started_s"]),
            **{name: read_part(plain[name]) for name, (_, read_part) in _WIRE.items()},
        )

    def snapshot(
        self, now_s: float, epoch_s: float, *, performance: PerformanceReader | None = None
    ) -> Snapshot:
        """Return what health reads of it.

        Args:
            now_s: The present, monotonic seconds.
            epoch_s: The present, seconds since the epoch.
            performance: The reader of the time before, for who asks again and again.
        """
        reader = PerformanceReader() if performance is None else performance
        completed, failed, retried = (
            int(parts.hour_total(part, now_s)) for part in (self.completed, self.failed, self.retried)
        )
        timed = parts.hour_total(self.timed, now_s)
        durations = parts.hour_buckets(self.durations, now_s)
        p50_s, p95_s, p99_s = quantiles(durations, (0.5, 0.95, 0.99))
        return Snapshot(
            completed_1h=completed,
            failed_1h=failed,
            retried_1h=retried,
            attempts_1h=completed + failed + retried,
            avg_duration_s=parts.hour_total(self.duration_s, now_s) / timed if timed else None,
            p50_duration_s=p50_s,
            p95_duration_s=p95_s,
            p99_duration_s=p99_s,
            p95_wait_s=quantiles(parts.hour_buckets(self.waits, now_s), (0.95,))[0],
            counters=self.counters,
            queue_sizes=parts.valid(self.sizes, now_s),
            oldest_ages_s=parts.valid(self.oldest_ages_s, now_s),
            errors=parts.groups(self.errors, now_s, epoch_s),
            performance=with_running(
                reader.read(self.types, self.started_s, now_s), self.types, self.running, now_s
            ),
        )

    def after_death(self, died_s: float) -> "Summary":
        """Return what is left of it when its process has died: its runs in flight failed, as lost.

        Args:
            died_s: When, monotonic seconds; when it last gave a sign of life, if nobody knows.
        """
        lost = {labels: one.in_flight for labels, one in self.running.items() if one.in_flight}
        minute, at, number = int(died_s // _MINUTE_S), int(died_s // TYPE_SLICE_S), sum(lost.values())
        return replace(
            self,
            running={},
            gauges={},
            counters=added((self.counters, {_lost_series(labels): count for labels, count in lost.items()})),
            failed=added((self.failed, {minute: number} if number else {})),
            types=_merged_types((self.types, {labels: {at: _lost(count)} for labels, count in lost.items()})),
        )


def merge(summaries: Iterable[Summary]) -> Summary:
    """Return all together: what was counted adds up, of shared gauges the newest reading stands.

    Associative and commutative, `Summary()` changes nothing; as far as the bounds are not reached.
    """
    several = list(summaries)
    if len(several) == 1:
        return several[0]
    starts = [one.started_s for one in several if one.started_s is not None]
    return Summary(
        started_s=min(starts, default=None),
        counters=added(one.counters for one in several),
        histograms=_merged(one.histograms for one in several),
        gauges=added(one.gauges for one in several),
        completed=added(one.completed for one in several),
        failed=added(one.failed for one in several),
        retried=added(one.retried for one in several),
        timed=added(one.timed for one in several),
        duration_s=added(one.duration_s for one in several),
        durations=_merged_slices(one.durations for one in several),
        waits=_merged_slices(one.waits for one in several),
        types=_merged_types(one.types for one in several),
        running=_merged(one.running for one in several),
        sizes=_merged(one.sizes for one in several),
        oldest_ages_s=_merged(one.oldest_ages_s for one in several),
        errors=_merged(one.errors for one in several),
    )


_WIRE: Final[Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = {
    "counters": (wire.numbers, wire.to_numbers),
    "histograms": (wire.histograms, wire.to_histograms),
    "gauges": (wire.numbers, wire.to_numbers),
    "completed": (wire.amounts, wire.to_amounts),
    "failed": (wire.amounts, wire.to_amounts),
    "retried": (wire.amounts, wire.to_amounts),
    "timed": (wire.amounts, wire.to_amounts),
    "duration_s": (wire.amounts, wire.to_amounts),
    "durations": (wire.buckets, wire.to_buckets),
    "waits": (wire.buckets, wire.to_buckets),
    "types": (wire.types, wire.to_types),
    "running": (wire.running, wire.to_running),
    "sizes": (wire.readings, wire.to_readings),
    "oldest_ages_s": (wire.readings, wire.to_readings),
    "errors": (wire.errors, wire.to_errors),
}
_KEYS: Final = frozenset({"format", *(one.name for one in fields(Summary))})


def _lost_series(labels: Labels) -> SeriesKey:
    return SeriesKey(_FAILED.name, _FAILED.tags, (*labels, "", "lost"))


def _lost(count: int) -> TypeSlice:
    return TypeSlice(0, count, 0, 0.0, 0.0, {}, {})


def _merged(several: Iterable[Mapping[K, P]]) -> dict[K, P]:
    whole: dict[K, P] = {}
    for part in several:
        for key, one in part.items():
            known = whole.get(key)
            whole[key] = one if known is None else known.plus(one)
    return whole


def _merged_types(
    several: Iterable[Mapping[Labels, Mapping[int, TypeSlice]]],
) -> dict[Labels, Mapping[int, TypeSlice]]:
    whole: dict[Labels, Mapping[int, TypeSlice]] = {}
    for part in several:
        for labels, slices in part.items():
            known = whole.get(labels)
            whole[labels] = slices if known is None else _merged((known, slices))
    return whole


def _merged_slices(several: Iterable[Mapping[int, Buckets]]) -> dict[int, Buckets]:
    whole: dict[int, Buckets] = {}
    for part in several:
        for at, buckets in part.items():
            known = whole.get(at)
            whole[at] = buckets if known is None else added((known, buckets))
    return whole


def _writable(plain: Any) -> Any:
    """Return a JSON tree with what JSON cannot hold replaced by what comes near."""
    if isinstance(plain, str):
        return plain.encode("utf-8", "replace").decode()
    if isinstance(plain, int) and not -_LARGEST_INT <= plain <= _LARGEST_INT:
        return float(plain)
    if isinstance(plain, list | tuple):
        return [_writable(one) for one in plain]
    return {key: _writable(one) for key, one in plain.items()} if isinstance(plain, dict) else plain
