"""Batches on their way into the books, whoever folds them."""

import threading
from collections.abc import Callable
from typing import Any

from queue_telemetry._runtime import DeliveryLedger, DropReason
from queue_telemetry.metrics import CATALOG, Batch, Series
from queue_telemetry.statsd import Emitter, StatsClient

Record = Callable[..., tuple[StatsClient, list[str]]]
MakeEmitter = Callable[..., tuple[Emitter, DeliveryLedger]]

COUNTER = Series(CATALOG["queue.tasks.completed"], ("mail", "send"))


def lines(sent: list[str]) -> list[str]:
    return [line for datagram in sent for line in datagram.split("\n")]


def flush_news(emitter: Emitter) -> bool:
    return emitter.flush_news(0.0, address_timeout_s=0.0, waits_for_pace=False)


def test_losses_of_a_batch_are_taken_over(record: Record, make_emitter: MakeEmitter) -> None:
    client, _ = record()
    emitter, ledger = make_emitter(client)
    emitter.add(Batch(counters=[(COUNTER, 1, 1)], dropped={DropReason.OVERFLOW: 5}))
    delivery = ledger.read()

    assert (delivery.accepted, delivery.dropped, delivery.pending) == (6, {DropReason.OVERFLOW: 5}, 1)


def test_batch_after_close_is_dropped(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record()
    emitter, ledger = make_emitter(client)
    emitter.close(1.0)
    emitter.add(Batch(counters=[(COUNTER, 1, 4)], dropped={DropReason.OVERFLOW: 1}))

    assert sent == []
    assert ledger.read().dropped == {DropReason.CLOSED: 4, DropReason.OVERFLOW: 1}
    assert emitter.pending_weight == ledger.read().pending == 0


def test_add_during_a_fold_leaves_the_batch_to_the_folding_thread(
    record: Record, make_emitter: MakeEmitter
) -> None:
    client, sent = record()
    emitter, ledger = make_emitter(client)

    def add() -> None:  # as a signal handler that interrupts a fold
        emitter.add(Batch(counters=[(COUNTER, 1, 1)]))

    emitter._turn.run(0.0, add, otherwise=None)
    before = emitter.stats()

    assert (before["accepted"], before["pending"], emitter.pending_weight) == (1, 1, 1)
    assert emitter.flush(1.0)
    assert ledger.read().delivered == 1
    assert lines(sent) == ["app.queue.tasks.completed.mail.send:1|c"]


def test_batches_of_many_threads_are_all_sent(receiver: Any, make_emitter: MakeEmitter) -> None:
    client = StatsClient("127.0.0.1", receiver.port, "app")
    emitter, ledger = make_emitter(client)

    def work() -> None:
        for _ in range(200):
            emitter.add(Batch(counters=[(COUNTER, 1, 1)]))
            emitter.flush(0.0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10.0)
    emitter.close(5.0)
    total = 0
    while total < 800:
        total += int(receiver.take(1)[0].split(b":")[1].split(b"|")[0])

    assert total == ledger.read().delivered == 800
