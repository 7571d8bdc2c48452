"""The totals of outputs that are closed, and their losses until somebody tells of them."""

import threading

from queue_telemetry._runtime import Delivery, DropReason
from queue_telemetry.logs import Losses
from queue_telemetry.telemetry._former_logs import FormerLogs


def test_totals_are_the_sum_of_all_that_was_added() -> None:
    former = FormerLogs()

    former.add(Delivery(5, 2, 4, {DropReason.OVERFLOW: 3}), Losses({}))
    former.add(Delivery(1, 0, 0, {DropReason.OVERFLOW: 1}), Losses({}))

    assert Delivery(6, 2, 4, {DropReason.OVERFLOW: 4}, 0) == former.read()


def test_losses_are_told_of_together_and_once() -> None:
    former = FormerLogs()
    former.add(Delivery(), Losses({DropReason.OVERFLOW: 3}, 10.0, 20.0))
    former.add(Delivery(), Losses({DropReason.OVERFLOW: 1, DropReason.SHUTDOWN: 2}, 30.0, 40.0))

    assert Losses({DropReason.OVERFLOW: 4, DropReason.SHUTDOWN: 2}, 10.0, 40.0) == former.take_losses()
    assert {} == former.take_losses().dropped


def test_threads_that_add_lose_no_loss() -> None:
    former = FormerLogs()

    def add() -> None:
        for _ in range(500):
            former.add(
                Delivery(1, 0, 0, {DropReason.SHUTDOWN: 1}), Losses({DropReason.SHUTDOWN: 1}, 1.0, 2.0)
            )

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {DropReason.SHUTDOWN: 2000} == former.read().dropped == former.take_losses().dropped
