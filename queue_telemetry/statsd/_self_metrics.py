"""The library's own losses as metrics: what each signal's ledger moved since the last flush."""

from collections.abc import Callable, Iterator, Mapping

from queue_telemetry._runtime import Delivery
from queue_telemetry.metrics import CATALOG, Series

__all__ = ["SelfMetrics"]

_ACCEPTED = CATALOG["queue.telemetry.accepted"]
_DELIVERED = CATALOG["queue.telemetry.delivered"]
_DROPPED = CATALOG["queue.telemetry.dropped"]


class SelfMetrics:
    """Turns ledgers' totals into counter increments. Not thread-safe.

    Args:
        signals: How to read each ledger, by signal: `statsd`, `logs`.
    """

    def __init__(self, signals: Mapping[str, Callable[[], Delivery]]) -> None:
        self._signals = signals
        self._series: dict[tuple[str, str, str], Series] = {}
        self._sent: dict[Series, int] = {}

    def changes(self) -> Iterator[tuple[Series, int]]:
        """Yield each counter that grew and by how much; units adopted are accepted ones with that reason."""
        for signal, read in self._signals.items():
            delivery = read()
            totals = [
                (_ACCEPTED, "", delivery.accepted),
                (_ACCEPTED, "adopted", delivery.adopted),
                (_DELIVERED, "", delivery.delivered),
                *((_DROPPED, str(reason), units) for reason, units in delivery.dropped.items()),
            ]
            for metric, reason, total in totals:
                series = self._series.setdefault(
                    (metric.name, signal, reason), Series(metric, (signal, reason))
                )
                grown = total - self._sent.get(series, 0)
                if grown > 0:
                    self._sent[series] = total
                    yield series, grown
