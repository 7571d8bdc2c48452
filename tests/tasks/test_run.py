"""Runs that code begins and ends itself, and what a run may be asked."""

import asyncio
import contextlib
import contextvars
import gc
import os
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry.api import Run, Telemetry

CountsOf = Callable[[Telemetry, str], dict[str, int]]
SeriesOf = Callable[[Telemetry], dict[tuple[str, ...], int]]
ONCE = {"claimed": 1, "started": 1, "completed": 1}


@pytest.mark.parametrize("asynchronous", [False, True], ids=["with", "async with"])
@pytest.mark.parametrize("error", [None, ValueError("boom")], ids=["ends well", "raises"])
def test_a_block_is_one_run(
    error: Exception | None, asynchronous: bool, telemetry: Telemetry, counts_of: CountsOf
) -> None:
    seen: list[tuple[Run, Run | None]] = []

    def call() -> None:
        with telemetry.run("work") as run:
            seen.append((run, telemetry.current()))
            if error is not None:
                raise error

    async def call_async() -> None:
        async with telemetry.run("work") as run:
            seen.append((run, telemetry.current()))
            if error is not None:
                raise error

    try:
        asyncio.run(call_async()) if asynchronous else call()
    except ValueError as caught:
        assert caught is error  # noqa: PT017 - the other half of the table raises nothing

    assert seen[0][0] is seen[0][1]
    assert telemetry.current() is None
    assert ({"claimed": 1, "started": 1, "failed": 1} if error else ONCE) == counts_of(telemetry, "work")


def test_a_run_by_hand_is_not_current_and_ends_once(telemetry: Telemetry, counts_of: CountsOf) -> None:
    run = telemetry.run("work").start()
    assert telemetry.current() is None
    assert 1 == counts_of(telemetry, "work")["in_flight"]

    run.finish()
    run.finish(ValueError())
    run.start()

    assert ONCE == counts_of(telemetry, "work")


def test_a_run_that_never_started_ends_nothing(telemetry: Telemetry, counts_of: CountsOf) -> None:
    telemetry.run("work").finish(ValueError())

    assert {} == counts_of(telemetry, "work")


def test_an_abandoned_run_is_lost_once(telemetry: Telemetry, series_of: SeriesOf) -> None:
    telemetry.run("work").start()
    gc.collect()

    for _ in range(2):
        assert 1 == series_of(telemetry)["queue.tasks.failed", "default", "work", "", "lost"]
    assert 0 == telemetry._tracker.in_flight()


def test_the_last_collection_of_all_tells_of_an_abandoned_run(telemetry: Telemetry) -> None:
    telemetry.run("work").start()
    gc.collect()
    telemetry.close(1.0)

    assert 1 == telemetry._stats.snapshot().totals["queue.tasks.failed"]


def test_a_forked_child_neither_ends_nor_loses_its_parents_runs(
    telemetry: Telemetry, series_of: SeriesOf
) -> None:
    finished, dropped = telemetry.run("parents").start(), telemetry.run("parents").start()
    before = series_of(telemetry)
    pid = os.fork()
    if pid == 0:
        try:
            with telemetry.run("childs"):
                finished.finish()
                del dropped
                gc.collect()
                busy = telemetry._tracker.in_flight()
            seen = {name: count for name, count in series_of(telemetry).items() if "parents" in name}
            os._exit(0 if (seen, busy) == (before, 1) else 1)
        finally:
            os._exit(2)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert 2 == telemetry._tracker.in_flight()


def test_requeueing_counts_attempts_and_keeps_the_first_stamp(telemetry: Telemetry) -> None:
    with telemetry.enqueue("work") as publish:
        headers = publish.headers
    first = headers["qt-first-enqueued-at"]

    for attempt in (1, 2, 3):
        with telemetry.run("work", headers=headers) as run:
            assert (publish.task_id, attempt) == (run.task_id, run.attempt)
            with telemetry.enqueue("work", headers=run.headers) as again:
                headers = again.headers
        assert {
            "qt-task-id": publish.task_id,
            "qt-attempt": str(attempt + 1),
            "qt-enqueued-at": headers["qt-enqueued-at"],
            "qt-first-enqueued-at": first,
        } == headers


def test_retry_puts_its_time_into_the_headers(telemetry: Telemetry) -> None:
    with telemetry.run("work") as run:
        run.retry(not_before=1_800_000_000)

    assert "1800000000.000000" == run.headers["qt-not-before"]


def test_the_parent_is_the_headers_else_the_run_around(telemetry: Telemetry) -> None:
    with telemetry.run("outer", task_id="o"), telemetry.claim():
        with telemetry.run("work") as inner:
            assert "o" == inner.parent_id
            assert "o" == inner.headers["qt-parent-id"]
        with telemetry.run("work", headers={"qt-parent-id": "p"}) as inner:
            assert "p" == inner.parent_id
    with telemetry.run("work") as alone:
        assert alone.parent_id is None


@pytest.mark.parametrize(
    ("headers", "wait_s", "clamped"),
    [
        ({"enqueued-at": -5}, 5.0, 0),
        ({"enqueued-at": -5, "not-before": -2}, 2.0, 0),
        ({"enqueued-at": -5, "not-before": -9}, 5.0, 0),
        ({"enqueued-at": 60}, 0.0, 1),
        ({"enqueued-at": -5, "not-before": 60}, 0.0, 1),
        ({"not-before": -5}, None, 0),
        ({}, None, 0),
    ],
)
@pytest.mark.parametrize(
    "convert", [str, float, lambda stamp: str(stamp).encode()], ids=["text", "float", "bytes"]
)
def test_the_wait_is_from_when_it_could_start(
    headers: dict[str, int],
    wait_s: float | None,
    clamped: int,
    convert: Callable[[float], object],
    telemetry: Telemetry,
    timings_of: Callable[[Telemetry], dict[tuple[str, ...], list[float]]],
) -> None:
    now_s = telemetry._clock.time()
    stamped = {f"qt-{name}": convert(now_s + offset) for name, offset in headers.items()}
    run = telemetry.run("work", headers=stamped).start()
    run.finish()

    expected = [] if wait_s is None else [pytest.approx(wait_s, abs=1.5)]
    assert expected == ([] if run.wait_s is None else [run.wait_s])
    assert expected == timings_of(telemetry).get(("queue.task.wait", "default", "work"), [])
    assert clamped == telemetry._tracker.stats()["waits_clamped"]


class _RaisingHeaders(dict[str, object]):
    def get(self, *_: object) -> Any:
        raise RuntimeError

    def keys(self) -> Any:
        raise RuntimeError


@pytest.mark.parametrize(
    "headers",
    [
        {"qt-attempt": "-1", "qt-enqueued-at": "yesterday", "qt-task-id": ""},
        {"qt-attempt": "1e9", "qt-enqueued-at": "nan"},
        {"qt-attempt": "9" * 5000, "qt-enqueued-at": "1e400"},
        {"qt-attempt": b"\xff", "qt-enqueued-at": b"\xff"},
        {"qt-attempt": ..., "qt-enqueued-at": [1]},
        {"qt-enqueued-at": "1762337730123"},
        {"qt-enqueued-at": "12345.6"},
        {"qt-attempt": "٣"},
        _RaisingHeaders(),
        [("qt-attempt", "2")],
        "qt-attempt",
        5,
    ],
    ids=lambda headers: repr(headers)[:40],
)
def test_headers_that_make_no_sense_are_ignored(headers: Any, telemetry: Telemetry) -> None:
    with telemetry.run("work", headers=headers) as run, telemetry.enqueue("work", headers=headers) as publish:
        assert (1, None) == (run.attempt, run.wait_s)
        assert 32 == len(run.task_id)
        assert "2" == run.headers["qt-attempt"]
        assert "1" == publish.headers["qt-attempt"] or isinstance(headers, str)


def test_tags_go_to_records_and_never_over_the_librarys_own_keys(
    general: Telemetry, records: list[dict[str, object]], series_of: SeriesOf
) -> None:
    with general.run("work", task_id="a") as run:
        run.tag(rows=3, event="mine", task_id="mine", worker_id="mine", wait_ms="mine", braces="{x}")

    record = records[-1]
    assert ("task_completed", "a", 3, "{x}") == tuple(
        record[key] for key in ("event", "task_id", "rows", "braces")
    )
    assert ["mine"] * 4 == [record[f"extra_{key}"] for key in ("event", "task_id", "worker_id", "wait_ms")]
    assert all("rows" not in key for key in series_of(general))


@pytest.mark.parametrize("claims", [False, True], ids=["runs", "claims"])
@pytest.mark.parametrize("which", ["telemetry", "general"])
def test_a_task_that_schedules_its_own_next_run_keeps_none_of_those_before(
    which: str, claims: bool, request: pytest.FixtureRequest
) -> None:
    telemetry: Telemetry = request.getfixturevalue(which)
    ended: list[weakref.ref[object]] = []
    parents: set[str | None] = set()
    done: asyncio.Future[None]

    @telemetry.task
    async def poll(left: int) -> None:
        run = telemetry.current()
        assert run is not None
        ended.append(weakref.ref(run))
        parents.add(run.parent_id)
        if left:
            with telemetry.claim() if claims else contextlib.nullcontext():
                following = asyncio.get_running_loop().create_task(poll(left - 1))
            following.add_done_callback(lambda task: done.set_result(None) if left == 1 else task.result())

    async def main() -> None:
        nonlocal done
        done = asyncio.get_running_loop().create_future()
        await poll(20)
        await done

    asyncio.run(main())
    gc.collect()

    assert 21 == len(ended)
    assert not [run for run in ended if run() is not None]
    assert {None} == parents


def test_a_run_that_ended_before_its_parent_keeps_the_parents_id_alone(telemetry: Telemetry) -> None:
    with telemetry.run("outer") as outer:
        with telemetry.run("inner") as inner:
            pass

        assert inner.outer is None
        assert outer.task_id == inner.parent_id


def test_a_run_in_the_context_of_a_call_that_is_over_is_inside_nothing(telemetry: Telemetry) -> None:
    @telemetry.task
    def schedules() -> contextvars.Context:
        return contextvars.copy_context()

    def begins() -> tuple[str | None, bool]:
        with telemetry.run("later") as run:
            return run.parent_id, run.outer is None

    assert (None, True) == schedules().run(begins)
