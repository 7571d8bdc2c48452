from collections.abc import Callable

import pytest

from queue_telemetry._runtime import DeliveryLedger, DropReason
from queue_telemetry.metrics import CATALOG, Batch, Kind, Metric, Owner, Series
from queue_telemetry.statsd import Emitter, StatsClient

Record = Callable[..., tuple[StatsClient, list[str]]]
MakeEmitter = Callable[..., tuple[Emitter, DeliveryLedger]]

COUNTER = Series(CATALOG["queue.tasks.completed"], ("mail", "send"))
TIMER = Series(CATALOG["queue.task.wait"], ("mail", "send"))
PROCESS_GAUGE = Series(CATALOG["queue.active_workers"])
SHARED_GAUGE = Series(CATALOG["queue.size"], ("mail",))
USER_GAUGE = Series(Metric("pool_free", Kind.GAUGE, owner=Owner.USER))


def lines(sent: list[str]) -> list[str]:
    return [line for datagram in sent for line in datagram.split("\n")]


def test_flush_sends_each_kind_of_plain_line(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record()
    emitter, ledger = make_emitter(client)
    emitter.add(
        Batch(
            counters=[(COUNTER, 2, 2), (COUNTER, 1, 1)],
            timings=[(TIMER, [0.25, 0.5])],
            gauges=[(PROCESS_GAUGE, 3, 1), (SHARED_GAUGE, 42, 1)],
        )
    )

    assert emitter.flush(1.0)
    assert lines(sent) == [
        "app.queue.active_workers.h1.0:3|g",
        "app.queue.size.mail:42|g",
        "app.queue.tasks.completed.mail.send:3|c",
        "app.queue.task.wait.mail.send:250.000|ms",
        "app.queue.task.wait.mail.send:500.000|ms",
    ]
    assert (ledger.read().delivered, ledger.read().pending) == (7, 0)


def test_flush_sends_each_kind_of_datadog_line(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record("datadog", constant_tags={"env": "prod"})
    emitter, _ = make_emitter(client, slot=2)
    emitter.add(
        Batch(counters=[(COUNTER, 3, 3)], timings=[(TIMER, [0.25, 0.5])], gauges=[(PROCESS_GAUGE, -1, 1)])
    )
    emitter.flush(1.0)

    assert lines(sent) == [
        "app.queue.active_workers:0|g|#env:prod,slot:2",
        "app.queue.active_workers:-1|g|#env:prod,slot:2",
        "app.queue.tasks.completed:3|c|#env:prod,queue:mail,type:send",
        "app.queue.task.wait_seconds:0.250000:0.500000|d|#env:prod,queue:mail,type:send",
    ]


def test_flush_sends_each_kind_of_graphite_line(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record("graphite", constant_tags={"env": "prod", "version": "1"})
    emitter, _ = make_emitter(client, slot=2)
    emitter.add(
        Batch(counters=[(COUNTER, 3, 3)], timings=[(TIMER, [0.25, 0.5])], gauges=[(PROCESS_GAUGE, -1, 1)])
    )
    emitter.flush(1.0)

    assert lines(sent) == [
        "app.queue.active_workers;env=prod;host=h1;slot=2:0|g",
        "app.queue.active_workers;env=prod;host=h1;slot=2:-1|g",
        "app.queue.tasks.completed;env=prod;queue=mail;type=send:3|c",
        "app.queue.task.wait;env=prod;queue=mail;type=send:250.000|ms",
        "app.queue.task.wait;env=prod;queue=mail;type=send:500.000|ms",
    ]


def test_gauge_is_sent_again_at_each_flush_and_idle_counter_is_not(
    record: Record, make_emitter: MakeEmitter
) -> None:
    client, sent = record()
    emitter, _ = make_emitter(client)
    emitter.add(Batch(counters=[(COUNTER, 1, 1)], gauges=[(SHARED_GAUGE, 42, 1)]))
    emitter.flush(1.0)
    sent.clear()
    emitter.flush(1.0)

    assert lines(sent) == ["app.queue.size.mail:42|g"]


def test_negative_plain_gauge_follows_its_zero_in_one_datagram(
    record: Record, make_emitter: MakeEmitter
) -> None:
    client, sent = record()
    emitter, _ = make_emitter(client)
    emitter.add(Batch(gauges=[(SHARED_GAUGE, -4, 1)]))
    emitter.flush(1.0)

    assert sent == ["app.queue.size.mail:0|g\napp.queue.size.mail:-4|g"]


def test_more_timings_than_the_limit_are_sent_as_a_weighted_sample(
    record: Record, make_emitter: MakeEmitter
) -> None:
    client, sent = record()
    emitter, ledger = make_emitter(client, max_samples=4)
    emitter.add(Batch(timings=[(TIMER, [0.5] * 8)]))
    emitter.flush(1.0)

    assert lines(sent) == ["app.queue.task.wait.mail.send:500.000|ms|@0.5"] * 4
    assert ledger.read().delivered == 8


def test_line_too_long_for_a_datagram_is_oversize(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record(maxudpsize=64)
    emitter, ledger = make_emitter(client)
    long = Series(COUNTER.metric, ("q" * 60, "t" * 60))
    emitter.add(
        Batch(
            counters=[(long, 1, 3), (COUNTER, 1, 1)],
            gauges=[(Series(SHARED_GAUGE.metric, ("q" * 60,)), 1, 5)],
            timings=[(Series(TIMER.metric, ("q" * 60, "")), [0.5, 0.5])],
        )
    )

    assert emitter.flush(1.0)
    assert lines(sent) == ["app.queue.tasks.completed.mail.send:1|c"]
    assert ledger.read().dropped == {DropReason.OVERSIZE: 10}


def test_series_without_a_name_is_invalid(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record()
    emitter, ledger = make_emitter(client)
    nameless = {kind: Series(Metric("...", kind, owner=Owner.USER)) for kind in Kind}
    emitter.add(
        Batch(
            counters=[(nameless[Kind.COUNTER], 1, 1)],
            timings=[(nameless[Kind.TIMER], [0.5])],
            gauges=[(nameless[Kind.GAUGE], 1, 1)],
        )
    )

    assert emitter.flush(1.0)
    assert (sent, ledger.read().dropped) == ([], {DropReason.INVALID: 3})


def test_own_losses_are_sent_as_metrics_when_they_change(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record()
    logs = DeliveryLedger()
    logs.accept(3)
    logs.drop(2, DropReason.REFUSED)
    emitter, ledger = make_emitter(client, signals={"logs": logs.read})
    emitter.flush(1.0)
    first = lines(sent)
    sent.clear()
    emitter.flush(1.0)

    assert first == [
        "app.queue.telemetry.accepted.logs.none:3|c",
        "app.queue.telemetry.dropped.logs.refused:2|c",
    ]
    assert sent == []
    assert ledger.read().accepted == 0


def test_own_counters_that_were_not_taken_are_sent_again(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record()
    logs = DeliveryLedger()
    emitter, _ = make_emitter(client, signals={"logs": logs.read})
    outcomes = [DropReason.UNSENT, None, None, DropReason.REFUSED, None]

    def send(data: str) -> DropReason | None:
        sent.append(data)
        return outcomes[len(sent) - 1]

    client._send = send  # type: ignore[method-assign] # the documented seam
    for _ in outcomes:
        logs.accept(1)
        emitter.flush(1.0)

    assert sent == [
        "app.queue.telemetry.accepted.logs.none:1|c",
        "app.queue.telemetry.accepted.logs.none:2|c",
        "app.queue.telemetry.accepted.logs.none:1|c",
        "app.queue.telemetry.accepted.logs.none:1|c",  # refused: it and the one before came to nothing
        "app.queue.telemetry.accepted.logs.none:3|c",
    ]


def test_own_counter_too_long_for_a_datagram_is_said(
    record: Record,
    make_emitter: MakeEmitter,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("queue_telemetry._runtime.log._last", {})  # whatever was said before
    client, sent = record(prefix="p" * 60, maxudpsize=64)
    logs = DeliveryLedger()
    logs.accept(1)
    emitter, _ = make_emitter(client, signals={"logs": logs.read})
    emitter.flush(1.0)

    assert sent == []
    assert [f"{'p' * 60}.queue.telemetry.accepted.logs.none is too long to be sent"] == caplog.messages
