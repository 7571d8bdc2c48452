from queue_telemetry._runtime import DeliveryLedger, DropReason
from queue_telemetry.statsd._self_metrics import SelfMetrics


def totals(metrics: SelfMetrics) -> dict[tuple[str, ...], int]:
    return {(series.metric.name, *series.values): units for series, units in metrics.totals()}


def test_totals_are_those_of_the_ledgers() -> None:
    ledger = DeliveryLedger()
    metrics = SelfMetrics({"logs": ledger.read})
    ledger.accept(5)
    ledger.deliver(2)
    ledger.drop(1, DropReason.REFUSED)

    assert totals(metrics) == {
        ("queue.telemetry.accepted", "logs", ""): 5,
        ("queue.telemetry.accepted", "logs", "adopted"): 0,
        ("queue.telemetry.delivered", "logs", ""): 2,
        ("queue.telemetry.dropped", "logs", "refused"): 1,
    }


def test_a_counter_is_the_same_series_each_time() -> None:
    metrics = SelfMetrics({"logs": DeliveryLedger().read})

    assert [total.series for total in metrics.totals()] == [total.series for total in metrics.totals()]
