"""What became of a process's telemetry, as counters that add up over processes. Pure: no clock, no socket, no state."""

from collections.abc import Mapping

from queue_telemetry._runtime import Delivery
from queue_telemetry.metrics import CATALOG, SeriesKey

__all__ = ["self_counters"]


def self_counters(deliveries: Mapping[str, Delivery]) -> dict[SeriesKey, float]:
    """Return `queue.telemetry.*` as they stand; what never happened is absent, and adopted units are accepted ones.

    Args:
        deliveries: One reading of each ledger, by signal.
    """
    counters: dict[SeriesKey, float] = {}
    for signal, delivery in deliveries.items():
        for name, reason, units in (
            ("accepted", "", delivery.accepted),
            ("accepted", "adopted", delivery.adopted),
            ("delivered", "", delivery.delivered),
            *(("dropped", str(reason), units) for reason, units in delivery.dropped.items()),
        ):
            if units:
                metric = CATALOG[f"queue.telemetry.{name}"]
                counters[SeriesKey(metric.name, metric.tags, (signal, reason))] = units
    return counters
