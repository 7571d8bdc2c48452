from queue_telemetry._runtime import DeliveryLedger, DropReason
from queue_telemetry.statsd._self_metrics import SelfMetrics


def changes(metrics: SelfMetrics) -> dict[tuple[str, ...], int]:
    return {(series.metric.name, *series.values): grown for series, grown in metrics.changes()}


def test_what_the_ledgers_moved_is_reported_once() -> None:
    ledger = DeliveryLedger()
    metrics = SelfMetrics({"logs": ledger.read})
    ledger.accept(5)
    ledger.deliver(2)
    ledger.drop(1, DropReason.REFUSED)

    assert changes(metrics) == {
        ("queue.telemetry.accepted", "logs", ""): 5,
        ("queue.telemetry.delivered", "logs", ""): 2,
        ("queue.telemetry.dropped", "logs", "refused"): 1,
    }
    assert changes(metrics) == {}


def test_only_what_was_added_since_is_reported() -> None:
    ledger = DeliveryLedger()
    metrics = SelfMetrics({"statsd": ledger.read})
    ledger.accept(5)
    changes(metrics)
    ledger.accept(2)

    assert changes(metrics) == {("queue.telemetry.accepted", "statsd", ""): 2}
