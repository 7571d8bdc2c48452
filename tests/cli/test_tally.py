"""The tally counts by event and task type, from any thread."""

import threading

from queue_telemetry.cli._tally import Tally


def test_events_are_counted_by_type_and_together() -> None:
    tally = Tally(tasks=3)
    for type_ in ("a", "a", "b"):
        tally.add("claimed", type_)

    assert (2, 1, 3) == (tally.count("claimed", "a"), tally.count("claimed", "b"), tally.count("claimed"))
    assert 0 == tally.count("completed")


def test_a_task_has_ended_when_it_completed_or_failed() -> None:
    tally = Tally(tasks=3)
    for event in ("claimed", "retried", "completed", "failed"):
        tally.add(event, "a")

    assert 2 == tally.ended


def test_threads_do_not_lose_counts() -> None:
    tally = Tally(tasks=0)

    def count() -> None:
        for _ in range(1000):
            tally.add("claimed", "a")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 4000 == tally.count("claimed")
