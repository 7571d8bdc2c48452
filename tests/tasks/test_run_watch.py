"""Runs that take long are told of while they go on."""

import asyncio
import gc
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from queue_telemetry.api import Telemetry
from queue_telemetry.tasks.run import Run

Records = list[dict[str, object]]


@pytest.fixture
def watching(make_telemetry: Callable[..., Telemetry]) -> Telemetry:
    """One that tells of slow and stuck runs, and writes no other record."""
    telemetry = make_telemetry(task_logs="none", slow_task_s=10, stuck_task_s=60)
    telemetry.counter("mails").increment()  # an event: it is awake
    return telemetry


def _tell_after(telemetry: Telemetry, *passed_s: float) -> None:
    """Have its watch look as if so much time had passed since each run began."""
    watch = telemetry._tracker.watch
    for seconds in passed_s:
        for watched in watch._watched.values():
            watched.began_s = telemetry._clock.monotonic() - seconds
        for frame, _ in watch.frames.values():
            frame[1] = telemetry._clock.monotonic() - seconds
        watch.tell()


def _events(records: Records) -> list[object]:
    return [record["event"] for record in records]


def test_a_run_is_told_of_once_as_slow_and_once_as_stuck(watching: Telemetry, records: Records) -> None:
    with watching.run("work"):
        _tell_after(watching, 9, 11, 12, 59, 61, 62)

    assert ["slow_task", "stuck_task"] == _events(records)
    assert ["WARNING", "ERROR"] == [record["level"] for record in records]


def test_a_run_that_is_stuck_when_first_seen_is_not_told_of_as_slow(
    watching: Telemetry, records: Records
) -> None:
    with watching.run("work"):
        _tell_after(watching, 100, 200)

    assert ["stuck_task"] == _events(records)


def test_the_record_bears_the_runs_fields_and_stands_where_its_handler_does(
    watching: Telemetry, records: Records
) -> None:
    @watching.task("work", queue="mail", task_id="key")
    def work(key: str) -> None:
        _tell_after(watching, 12)

    with watching.worker("w"), watching.worker("v"):
        work("a")

    record = records[-1]
    assert {
        "event": "slow_task",
        "task_id": "a",
        "task_type": "work",
        "queue": "mail",
        "worker_id": "v",
        "attempt": 1,
        "function": "work",
    }.items() <= record.items()
    assert 12_000 <= float(str(record["running_ms"])) < 13_000
    assert str(record["message"]).startswith("work is slow, after 12")


def _bare(telemetry: Telemetry, inside: Callable[[], object]) -> None:
    telemetry.task("work")(inside)()


def _coroutine(telemetry: Telemetry, inside: Callable[[], object]) -> None:
    async def work() -> None:
        inside()

    asyncio.run(telemetry.task("work")(work)())


def _generator(telemetry: Telemetry, inside: Callable[[], object]) -> None:
    def work() -> Iterator[None]:
        inside()
        yield

    list(telemetry.task("work")(work)())


@pytest.mark.parametrize("kind", [_bare, _coroutine, _generator])
def test_every_kind_of_handler_is_watched(
    kind: Callable[[Telemetry, Callable[[], object]], None], watching: Telemetry, records: Records
) -> None:
    kind(watching, lambda: _tell_after(watching, 11))

    assert ["slow_task"] == _events(records)


def test_a_run_that_is_over_is_not_told_of(watching: Telemetry, records: Records) -> None:
    with watching.run("work"):
        pass
    _tell_after(watching, 100)

    assert ([], {}) == (records, watching._tracker.watch._watched)


def test_an_abandoned_run_still_counts_as_lost(
    watching: Telemetry, series_of: Callable[[Telemetry], dict[tuple[str, ...], float]]
) -> None:
    watching.run("work").start()
    gc.collect()

    assert 1 == series_of(watching)["queue.tasks.failed", "default", "work", "", "lost"]
    assert {} == watching._tracker.watch._watched


def test_without_a_limit_no_run_is_watched(telemetry: Telemetry) -> None:
    with telemetry.run("work"):
        assert {} == telemetry._tracker.watch._watched


def test_a_child_does_not_tell_of_its_parents_runs(watching: Telemetry) -> None:
    with watching.run("work"):
        pid = os.fork()
        if not pid:
            os._exit(len(watching._tracker.watch._watched))

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_no_run_is_made_for_a_handler_that_is_fast(
    watching: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    begin, of_frame = Run._begin, Run.of_frame

    def count(make: Callable[..., Any]) -> Callable[..., Any]:
        def made_one(*args: Any) -> Any:
            made.append(1)
            return make(*args)

        return made_one

    monkeypatch.setattr(Run, "_begin", count(begin))
    monkeypatch.setattr(Run, "of_frame", count(of_frame))

    watching.task("work")(watching._tracker.watch.tell)()

    assert ([], {}) == (made, watching._tracker.watch.frames)


def test_a_handler_that_was_told_of_ends_and_counts_as_any(
    watching: Telemetry, series_of: Callable[[Telemetry], dict[tuple[str, ...], float]]
) -> None:
    watching.task("work")(lambda: _tell_after(watching, 11, 12))()

    assert 1 == series_of(watching)["queue.tasks.completed", "default", "work"]
    assert 0 == watching._tracker.in_flight()


def test_one_that_goes_on_until_its_result_is_awaited_is_watched_on(
    watching: Telemetry, records: Records
) -> None:
    async def later() -> None:
        _tell_after(watching, 11)

    asyncio.run(watching.task("work")(lambda: later())())  # noqa: PLW0108 - a plain function

    assert ["slow_task"] == _events(records)


def test_what_is_watched_counts_for_the_longest_run(watching: Telemetry) -> None:
    ages: list[float | None] = []

    watching.task("work")(lambda: ages.append(watching._tracker.longest_running_s()))()

    assert ages[0] is not None
