import json
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry._runtime import Delivery, DeliveryLedger, DropReason
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.metrics import CATALOG, Batch, Kind, Metric, Owner, Series
from queue_telemetry.statsd import DIALECTS, Emitter, StatsClient
from queue_telemetry.statsd._pace import Pace

Record = Callable[..., tuple[StatsClient, list[str]]]
MakeEmitter = Callable[..., tuple[Emitter, DeliveryLedger]]

COUNTER = Series(CATALOG["queue.tasks.completed"], ("mail", "send"))
TIMER = Series(CATALOG["queue.task.wait"], ("mail", "send"))
PROCESS_GAUGE = Series(CATALOG["queue.active_workers"])
SHARED_GAUGE = Series(CATALOG["queue.size"], ("mail",))
USER_GAUGE = Series(Metric("pool_free", Kind.GAUGE, owner=Owner.USER))


def lines(sent: list[str]) -> list[str]:
    return [line for datagram in sent for line in datagram.split("\n")]


def flush_news(emitter: Emitter) -> bool:
    return emitter.flush_news(0.0, address_timeout_s=0.0, waits_for_pace=False)


def test_every_byte_passes_the_clients_send(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record()
    logs = DeliveryLedger()
    logs.accept(1)
    emitter, _ = make_emitter(client, signals={"logs": logs.read}, max_samples=10)
    emitter.add(
        Batch(counters=[(COUNTER, 1, 1)], timings=[(TIMER, [0.5] * 80)], gauges=[(PROCESS_GAUGE, -1, 1)])
    )
    emitter.close(1.0)

    assert client.stats()["datagrams"] == 0  # nothing went past the seam
    assert len(lines(sent)) == 13


def test_owned_gauges_of_a_process_without_a_slot_are_withheld(
    record: Record, make_emitter: MakeEmitter
) -> None:
    client, sent = record()
    emitter, ledger = make_emitter(client, slot=None)
    emitter.add(Batch(gauges=[(PROCESS_GAUGE, 3, 1), (USER_GAUGE, 1, 1), (SHARED_GAUGE, 2, 1)]))
    emitter.flush(1.0)

    assert lines(sent) == ["app.queue.size.mail:2|g"]
    assert ledger.read().dropped == {DropReason.WITHHELD: 2}


def test_refused_datagram_drops_its_weight(record: Record, make_emitter: MakeEmitter) -> None:
    client, _ = record()
    client._send = lambda data: DropReason.REFUSED  # type: ignore[method-assign] # the documented seam
    emitter, ledger = make_emitter(client)
    emitter.add(Batch(counters=[(COUNTER, 7, 7)]))

    assert emitter.flush(1.0)
    assert ledger.read().dropped == {DropReason.REFUSED: 7}


def test_close_sets_process_gauges_to_zero_and_leaves_others(
    record: Record, make_emitter: MakeEmitter
) -> None:
    client, sent = record()
    emitter, _ = make_emitter(client)
    emitter.add(Batch(gauges=[(PROCESS_GAUGE, 3, 1), (USER_GAUGE, 5, 1), (SHARED_GAUGE, 42, 1)]))

    assert emitter.close(1.0)
    assert lines(sent) == [
        "app.queue.active_workers.h1.0:0|g",
        "app.pool_free.h1.0:5|g",
        "app.queue.size.mail:42|g",
    ]


def test_close_reports_its_own_last_flush(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record()
    signals: dict[str, Callable[[], Delivery]] = {}
    emitter, ledger = make_emitter(client, signals=signals)
    signals["statsd"] = ledger.read
    emitter.add(Batch(counters=[(COUNTER, 2, 2)]))
    emitter.close(1.0)

    assert lines(sent)[-1] == "app.queue.telemetry.delivered.statsd.none:2|c"


def test_close_is_idempotent_and_says_the_same_again(record: Record, make_emitter: MakeEmitter) -> None:
    client, _ = record()
    emitter, _ = make_emitter(client)

    assert (emitter.close(1.0), emitter.close(0.0)) == (True, True)


def test_everything_stays_folded_without_an_address(
    make_emitter: MakeEmitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = StatsClient("statsd.invalid", 8125)
    monkeypatch.setattr(client._resolver, "start", lambda: None)
    emitter, ledger = make_emitter(client)
    for _ in range(3):
        emitter.add(Batch(counters=[(COUNTER, 1, 1)]))

        assert not emitter.flush(0.0)
    assert ledger.read().pending == emitter.pending_weight == 3

    assert not emitter.close(0.0)
    assert ledger.read().dropped == {DropReason.UNRESOLVED: 3}
    assert ledger.read().pending == emitter.pending_weight == 0


def test_close_with_nothing_to_send_asks_no_dns(make_emitter: MakeEmitter) -> None:
    client = StatsClient("statsd.invalid", 8125)
    emitter, _ = make_emitter(client)

    assert emitter.close(60.0)
    assert client._resolver
    assert client._resolver._loop is None


def test_first_flush_waits_for_the_first_answer_of_dns(receiver: Any, make_emitter: MakeEmitter) -> None:
    client = StatsClient("statsd.invalid", receiver.port)
    assert client._resolver
    client._resolver._look_up = lambda host, port: [(2, ("127.0.0.1", port))]  # type: ignore[list-item] # AF_INET
    emitter, _ = make_emitter(client)
    emitter.add(Batch(counters=[(COUNTER, 1, 1)]))

    assert emitter.flush(5.0)
    assert receiver.take(1) == [b"queue.tasks.completed.mail.send:1|c"]
    emitter.close(1.0)
    assert client._resolver._loop is not None
    assert client._resolver._loop.stop(5.0)


def test_flush_past_its_deadline_goes_on_at_the_next(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record()
    emitter, ledger = make_emitter(client, max_samples=100_000)
    emitter.add(Batch(timings=[(TIMER, [0.5] * 20_000)]))
    done = emitter.flush(0.0)
    first = len(sent)
    still = ledger.read().pending
    held = emitter.pending_weight

    assert not done
    assert 16 <= first <= 32  # a burst
    assert 0 < still < 20_000
    assert held == still
    assert emitter.flush(10.0)
    assert len(lines(sent)) == 20_000
    assert ledger.read().delivered == 20_000


def test_close_past_its_deadline_drops_the_rest(record: Record, make_emitter: MakeEmitter) -> None:
    client, _ = record()
    emitter, ledger = make_emitter(client, max_samples=100_000)
    emitter.add(Batch(timings=[(TIMER, [0.5] * 20_000)]))

    assert not emitter.close(0.0)
    delivery = ledger.read()
    assert delivery.pending == emitter.pending_weight == 0
    assert delivery.delivered + delivery.dropped[DropReason.SHUTDOWN] == 20_000


def test_close_that_drops_something_says_so_and_says_it_again(
    record: Record, make_emitter: MakeEmitter
) -> None:
    client, _ = record()
    emitter, ledger = make_emitter(client)

    def send(data: str) -> None:
        emitter._inbox.leave(
            Batch(counters=[(COUNTER, 2, 2)]), is_late=False
        )  # as a thread that came just in time

    client._send = send  # type: ignore[method-assign] # the documented seam
    emitter.add(Batch(counters=[(COUNTER, 1, 1)]))

    assert (emitter.close(1.0), emitter.close(1.0)) == (False, False)
    assert ledger.read().dropped == {DropReason.SHUTDOWN: 2}


def test_news_are_sent_without_the_gauges_that_nobody_set(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record()
    emitter, ledger = make_emitter(client)
    emitter.add(Batch(gauges=[(PROCESS_GAUGE, 1, 1), (SHARED_GAUGE, 42, 1)]))
    emitter.flush(1.0)
    sent.clear()
    emitter.add(
        Batch(
            counters=[(COUNTER, 2, 2)],
            timings=[(TIMER, [0.5])],
            gauges=[(PROCESS_GAUGE, 1, 0), (SHARED_GAUGE, 43, 1)],
        )
    )
    done = flush_news(emitter)

    assert done
    assert lines(sent) == [
        "app.queue.size.mail:43|g",
        "app.queue.tasks.completed.mail.send:2|c",
        "app.queue.task.wait.mail.send:500.000|ms",
    ]
    assert (ledger.read().delivered, ledger.read().pending) == (6, 0)


def test_no_news_are_nothing_to_send(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record()
    emitter, _ = make_emitter(client)
    emitter.add(Batch(gauges=[(SHARED_GAUGE, 42, 1)]))
    flush_news(emitter)
    sent.clear()

    assert flush_news(emitter)
    assert sent == []


def test_flush_sends_all_gauges_also_when_news_went_before(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record()
    emitter, _ = make_emitter(client)
    emitter.add(Batch(gauges=[(SHARED_GAUGE, 42, 1)]))
    flush_news(emitter)
    sent.clear()
    emitter.flush(1.0)

    assert lines(sent) == ["app.queue.size.mail:42|g"]


def test_news_beyond_the_burst_are_left_to_the_next_flush(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record()
    emitter, ledger = make_emitter(client, max_samples=100_000)
    emitter._dispatch._pace = Pace(1, 10 * 1432)
    emitter.add(Batch(timings=[(TIMER, [0.5] * 2000)]))
    done = flush_news(emitter)

    assert not done
    assert 5 <= len(sent) <= 10
    assert ledger.read().pending == emitter.pending_weight > 0
    assert emitter.flush(0.1)
    assert ledger.read().delivered == 2000


def test_stats_are_plain_values(record: Record, make_emitter: MakeEmitter) -> None:
    client = StatsClient("127.0.0.1", 9, "app")
    client._transport.send = lambda payload: DropReason.REFUSED  # type: ignore[method-assign] # no server needed
    emitter, _ = make_emitter(client)
    emitter.add(Batch(counters=[(COUNTER, 2, 2)]))
    emitter.flush(1.0)

    assert json.loads(json.dumps(emitter.stats())) == {
        "host": "127.0.0.1",
        "port": 9,
        "dialect": "statsd",
        "datagrams": 0,
        "lines": 0,
        "bytes": 0,
        "datagrams_waiting": 0,
        "lines_dropped": {"refused": 1},
        "last_error": "refused",
        "accepted": 2,
        "delivered": 0,
        "dropped": {"refused": 2},
        "pending": 0,
        "series": 1,
        "folded_series": 0,
    }
    client.close()


@pytest.mark.parametrize(
    ("dialect", "arguments", "message"),
    [
        ("statsd", {"timer_type": "d"}, "STATSD_TIMER_TYPE is 'd'; dialect 'statsd' has ms"),
        ("datadog", {"timer_type": "x"}, "STATSD_TIMER_TYPE is 'x'; dialect 'datadog' has d, h, ms"),
        ("statsd", {"max_samples": 0}, "STATSD_MAX_SAMPLES is 0; it must be 1 or more"),
    ],
)
def test_wrong_argument_is_named(
    make_emitter: MakeEmitter, dialect: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        make_emitter(StatsClient(dialect=DIALECTS[dialect]), **arguments)

    assert str(raised.value) == message
