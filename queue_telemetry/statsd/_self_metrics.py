"""The library's own losses as metrics: what each signal's ledger moved since that was last sent."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from queue_telemetry._runtime import Delivery
from queue_telemetry.metrics import CATALOG, Series

__all__ = ["SelfMetrics", "Total"]

_ACCEPTED = CATALOG["queue.telemetry.accepted"]
_DELIVERED = CATALOG["queue.telemetry.delivered"]
_DROPPED = CATALOG["queue.telemetry.dropped"]


class Total(NamedTuple):
    """What a receiver that gets a line knows from then on: how far a counter has come in all."""

    series: Series
    units: int


class SelfMetrics:
    """Turns ledgers' totals into counter increments. What a receiver has been told is its caller's to remember.

    Args:
        signals: How to read each ledger, by signal: `metrics`, `logs`.
    """

    def __init__(self, signals: Mapping[str, Callable[[], Delivery]]) -> None:
        self._signals = signals
        self._series: dict[tuple[str, str, str], Series] = {}

    def totals(self) -> list[Total]:
        """Return each counter as it is now; units adopted are accepted ones with that reason."""
        totals: list[Total] = []
        for signal, read in self._signals.items():
            delivery = read()
            for metric, reason, units in (
                (_ACCEPTED, "", delivery.accepted),
                (_ACCEPTED, "adopted", delivery.adopted),
                (_DELIVERED, "", delivery.delivered),
                *((_DROPPED, str(reason), units) for reason, units in delivery.dropped.items()),
            ):
                key = (metric.name, signal, reason)
                series = self._series.setdefault(key, Series(metric, (signal, reason)))
                totals.append(Total(series, units))
        return totals
