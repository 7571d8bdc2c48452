"""Threads that take turns at one emitter: nobody waits for another's pace, and the last window is whole."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry._runtime import DeliveryLedger, DropReason
from queue_telemetry.metrics import CATALOG, Batch, Series
from queue_telemetry.statsd import Emitter, StatsClient
from queue_telemetry.statsd._aggregate import Window
from queue_telemetry.statsd._books import Line
from queue_telemetry.statsd._pace import Pace

Record = Callable[..., tuple[StatsClient, list[str]]]
MakeEmitter = Callable[..., tuple[Emitter, DeliveryLedger]]

COUNTER = Series(CATALOG["queue.tasks.completed"], ("mail", "send"))
TIMER = Series(CATALOG["queue.task.wait"], ("mail", "send"))
PROCESS_GAUGE = Series(CATALOG["queue.active_workers"])


def lines(sent: list[str]) -> list[str]:
    return [line for datagram in sent for line in datagram.split("\n")]


def flush_news(emitter: Emitter) -> bool:
    return emitter.flush_news(0.0, address_timeout_s=0.0, waits_for_pace=False)


def test_second_flush_waits_no_longer_than_it_said(record: Record, make_emitter: MakeEmitter) -> None:
    client, _ = record()
    emitter, _ = make_emitter(client)
    inside, go_on = threading.Event(), threading.Event()

    def send(data: str) -> None:
        inside.set()
        go_on.wait(5.0)

    client._send = send  # type: ignore[method-assign] # the documented seam
    emitter.add(Batch(counters=[(COUNTER, 1, 1)]))
    first = threading.Thread(target=emitter.flush, args=(5.0,))
    first.start()
    inside.wait(5.0)
    waited = emitter.flush(0.01)
    closed = emitter.close(0.01)
    go_on.set()
    first.join(5.0)

    assert (waited, closed) == (False, False)
    assert emitter.pending_weight == 0


def test_what_came_before_close_is_in_the_last_window_though_another_thread_has_the_turn(
    record: Record, make_emitter: MakeEmitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, sent = record()
    emitter, ledger = make_emitter(client)
    has_turn, go_on, closing = threading.Event(), threading.Event(), threading.Event()
    closed: list[bool] = []

    def hold() -> bool:
        has_turn.set()
        return go_on.wait(5.0)

    def await_address(timeout_s: float) -> bool:
        closing.set()
        return True

    monkeypatch.setattr(client, "await_address", await_address)
    holder = threading.Thread(target=emitter._turn.run, args=(0.0, hold), kwargs={"otherwise": False})
    closer = threading.Thread(target=lambda: closed.append(emitter.close(5.0)))
    holder.start()
    has_turn.wait(5.0)
    emitter.add(Batch(counters=[(COUNTER, 3, 3)], gauges=[(PROCESS_GAUGE, 2, 1)]))
    closer.start()
    closing.wait(5.0)
    emitter.add(Batch(counters=[(COUNTER, 4, 4)]))
    go_on.set()
    holder.join(5.0)
    closer.join(5.0)

    assert closed == [True]
    assert lines(sent)[:2] == ["app.queue.active_workers.h1.0:0|g", "app.queue.tasks.completed.mail.send:3|c"]
    assert (ledger.read().delivered, ledger.read().dropped) == (4, {DropReason.CLOSED: 4})


def test_close_during_a_paced_flush_goes_on_with_it(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record()
    emitter, ledger = make_emitter(client, max_samples=100_000)
    emitter._dispatch._pace = Pace(1000, 1432)
    paused = threading.Event()
    wait = emitter._turns._pause.acquire

    class Pause:
        def acquire(self, timeout: float) -> bool:
            paused.set()
            return wait(timeout=timeout)

    emitter._turns._pause = Pause()  # type: ignore[assignment] # all that is used of it
    emitter.add(Batch(timings=[(TIMER, [0.5] * 2000)]))  # a minute at that pace
    flush = threading.Thread(target=emitter.flush, args=(60.0,), kwargs={"share": 0.9})
    flush.start()
    paused.wait(5.0)
    emitter.add(Batch(counters=[(COUNTER, 1, 1)]))
    closed = emitter.close(1.0)
    flush.join(5.0)

    assert closed
    assert (ledger.read().delivered, ledger.read().dropped) == (2001, {})
    assert len(lines(sent)) == 2001


def test_flush_does_not_take_a_window_for_its_own_that_another_thread_was_beginning(
    record: Record, make_emitter: MakeEmitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, _ = record()
    emitter, _ = make_emitter(client)
    write, take = emitter._rendering.lines, emitter._turns.take
    second_waits, pending = threading.Event(), list[int]()

    def flush() -> None:
        emitter.add(Batch(counters=[(COUNTER, 1, 1)]))
        assert emitter.flush(5.0)
        pending.append(emitter.pending_weight)

    second = threading.Thread(target=flush)

    def watch(*args: Any, **kwargs: Any) -> bool:
        if threading.current_thread() is second:
            second_waits.set()
        return take(*args, **kwargs)

    def lines(
        window: Window, **kwargs: bool
    ) -> tuple[Line, ...]:  # the inbox is emptied, the page not turned
        if not second.ident:
            second.start()
            second_waits.wait(5.0)
        return write(window, **kwargs)

    monkeypatch.setattr(emitter._turns, "take", watch)
    monkeypatch.setattr(emitter._rendering, "lines", lines)
    emitter.flush(5.0)
    second.join(5.0)

    assert pending == [0]


def test_news_do_not_wait_while_another_thread_waits_for_the_pace(
    record: Record, make_emitter: MakeEmitter
) -> None:
    client, sent = record()
    emitter, ledger = make_emitter(client)
    news: list[bool] = []

    class Pause:  # another thread comes by
        def acquire(self, timeout: float) -> bool:
            if not news:
                emitter._dispatch._pace = Pace(1e9, 1432)
                emitter.add(Batch(counters=[(COUNTER, 1, 1)]))
                other = threading.Thread(target=lambda: news.append(flush_news(emitter)))
                other.start()
                other.join(5.0)
            return True

    emitter._turns._pause = Pause()  # type: ignore[assignment] # all that is used of it
    emitter._dispatch._pace = Pace(1, 1432)
    emitter.add(Batch(timings=[(TIMER, [0.5] * 200)]))

    assert emitter.flush(5.0)
    assert news == [True]
    assert lines(sent).count("app.queue.tasks.completed.mail.send:1|c") == 1
    assert ledger.read().delivered == 201


def test_flush_from_inside_a_flush_returns_at_once(record: Record, make_emitter: MakeEmitter) -> None:
    client, _ = record()
    emitter, ledger = make_emitter(client)
    inner: list[bool] = []

    def send(data: str) -> None:
        inner.append(emitter.flush(60.0))  # as a signal handler would

    client._send = send  # type: ignore[method-assign] # the documented seam
    emitter.add(Batch(counters=[(COUNTER, 1, 1)]))

    assert emitter.flush(5.0)
    assert inner == [False]
    assert ledger.read().delivered == 1
