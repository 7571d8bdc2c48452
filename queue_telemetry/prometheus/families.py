"""From a scrape to families of samples: the catalog's under their names, the user's under clean ones of their own.

Pure: no clock, no socket, no state.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from queue_telemetry.metrics import CATALOG, Histogram, Kind, Metric, SeriesKey
from queue_telemetry.metrics.summary_reading import valid
from queue_telemetry.prometheus._names import SUFFIXES, clean_labels, clean_text, family_name, is_exact, mark
from queue_telemetry.prometheus.scrape import Scrape

__all__ = ["Family", "families"]

Labels = tuple[tuple[str, str], ...]

_SECONDS: Final = "seconds"


@dataclass(slots=True)
class Family:
    """One metric with all its series.

    Attributes:
        name: In Prometheus, without the suffixes of its samples.
        kind: What its values mean.
        help: One sentence for people.
        values: Of a counter or a gauge, by labels.
        histograms: Of a timer, by labels.
    """

    name: str
    kind: Kind
    help: str
    values: dict[Labels, float] = field(default_factory=dict)
    histograms: dict[Labels, Histogram] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """The unit that its name ends in, or empty."""
        return _SECONDS if self.name.endswith(f"_{_SECONDS}") else ""

    def add(self, labels: Labels, value: float | Histogram) -> None:
        """Add a series; to one with the same labels, if there is one: Prometheus takes each once."""
        if isinstance(value, Histogram):
            known = self.histograms.get(labels)
            self.histograms[labels] = value if known is None else known.plus(value)
        else:
            self.values[labels] = self.values.get(labels, 0) + value


def families(scrape: Scrape) -> list[Family]:
    """Return every family that has a sample: the catalog's in its order, then the user's by name."""
    series = _series(scrape)
    known = {name: _catalog_family(metric) for name, metric in CATALOG.items()}
    users = _user_families({(key.name, kind) for kind, key, _ in series if key.name not in CATALOG}, known)
    for kind, key, value in series:
        family = known.get(key.name) or users[key.name, kind]
        if family.kind is kind:
            family.add(clean_labels(zip(key.tags, key.values, strict=False)), value)
    return [one for one in (*known.values(), *users.values()) if one.values or one.histograms]


def _series(scrape: Scrape) -> list[tuple[Kind, SeriesKey, float | Histogram]]:
    summary = scrape.summary
    parts: tuple[tuple[Kind, Mapping[SeriesKey, float | Histogram]], ...] = (
        (Kind.COUNTER, summary.counters),
        (Kind.TIMER, summary.histograms),
        (Kind.GAUGE, summary.gauges),
        (Kind.GAUGE, dict(_own_gauges(scrape))),
    )
    return [(kind, key, value) for kind, part in parts for key, value in part.items()]


def _own_gauges(scrape: Scrape) -> Iterable[tuple[SeriesKey, float]]:
    summary = scrape.summary
    by_queue = {"queue.size": summary.sizes, "queue.oldest_task_age": summary.oldest_ages_s}
    rows: list[tuple[str, Iterable[tuple[tuple[str, ...], float]]]] = [
        (name, (((queue,), value) for queue, value in valid(readings, scrape.now_s).items()))
        for name, readings in by_queue.items()
    ]
    rows += [
        ("queue.worker.slots", (((state,), number) for state, number in scrape.slots.items())),
        ("queue.tasks.in_flight", ((labels, one.in_flight) for labels, one in summary.running.items())),
    ]
    if scrape.active_workers is not None:
        rows.append(("queue.active_workers", [((), scrape.active_workers)]))
    for name, values in rows:
        for labels, value in values:
            yield SeriesKey(name, CATALOG[name].tags, labels), value


def _catalog_family(metric: Metric) -> Family:
    return Family(metric.prometheus_name.removesuffix("_total"), metric.kind, metric.help)


def _user_families(
    wanted: set[tuple[str, Kind]], known: Mapping[str, Family]
) -> dict[tuple[str, Kind], Family]:
    """Give each of the user's metrics a family whose samples have names that no other family's have.

    Of several that are alike once cleaned the one that needed no cleaning keeps its name, the others get a mark; the same in
    every process, and the same from scrape to scrape as long as no new one comes.
    """
    taken = {f"{one.name}{suffix}" for one in known.values() for suffix in SUFFIXES[one.kind]}
    found: dict[tuple[str, Kind], Family] = {}
    for name, kind in sorted(wanted, key=lambda metric: (not is_exact(metric[0]), metric)):
        clean = family_name(name, kind)
        while not taken.isdisjoint(names := {f"{clean}{suffix}" for suffix in SUFFIXES[kind]}):
            clean = family_name(f"{clean}{mark(f'{kind} {name}')}", kind)
        taken |= names
        found[name, kind] = Family(clean, kind, f"The application's {kind} {clean_text(name)}.")
    return found
