"""The short way counts what the general way counts, exactly, whatever threads and signals do."""

import asyncio
import os
import random
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queue_telemetry.api import Run, Telemetry

CountsOf = Callable[[Telemetry, str], dict[str, int]]
Program = tuple[str, list[Any]]  # what the task does at its end, and the tasks that it runs before

SAID = ("retry", "cancel", "skip", "fail")
ENDS = ("return", "object", "raise", "retried", "ignored", "expected", *SAID, "skip, raise", "retry, fail")
PROGRAMS: st.SearchStrategy[Program] = st.recursive(
    st.tuples(st.sampled_from(ENDS), st.just([])),
    lambda programs: st.tuples(st.sampled_from(ENDS), st.lists(programs, max_size=3)),
    max_leaves=8,
)


class RetryError(Exception):
    pass


class SkipError(Exception):
    pass


class KnownError(Exception):
    pass


RAISES = {"raise": ValueError, "retried": RetryError, "ignored": SkipError, "expected": KnownError}


def _finish(telemetry: Telemetry, end: str) -> object:
    """Do what a program says a task does last."""
    result: object = None
    for step in end.split(", "):
        if step in RAISES:
            raise RAISES[step]
        if step in SAID:
            getattr(telemetry.current(), step)()
        result = object() if step == "object" else None
    return result


def _handlers(telemetry: Telemetry) -> list[Callable[[Program], Any]]:
    decorate = telemetry.task(
        "work", retry_on=RetryError, ignore=SkipError, expected=KnownError, headers="headers"
    )

    @decorate
    def run(program: Program, headers: object = None) -> object:
        end, inner = program
        for child in inner:
            _try(run, child)
        return _finish(telemetry, end)

    @decorate
    async def run_async(program: Program, headers: object = None) -> object:
        end, inner = program
        for child in inner:
            await _try_async(run_async, child)
        return _finish(telemetry, end)

    return [run, lambda program: asyncio.run(run_async(program))]


def _try(handler: Callable[[Program], Any], program: Program) -> None:
    try:
        handler(program)
    except (ValueError, *RAISES.values()):
        pass


async def _try_async(handler: Callable[[Program], Any], program: Program) -> None:
    try:
        await handler(program)
    except (ValueError, *RAISES.values()):
        pass


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # the fixtures' counts grow from example to example, on each of the three ways alike
@given(program=PROGRAMS)
def test_the_same_program_counts_the_same_on_every_way(
    program: Program, telemetry: Telemetry, general: Telemetry, counts_of: CountsOf
) -> None:
    def run_all(telemetry: Telemetry, *, in_claim: bool) -> None:
        for run in _handlers(telemetry):
            if in_claim:
                with telemetry.claim():
                    _try(run, program)
            else:
                _try(run, program)

    def added(telemetry: Telemetry, *, in_claim: bool) -> dict[str, int]:
        before = counts_of(telemetry, "work")
        run_all(telemetry, in_claim=in_claim)
        after = counts_of(telemetry, "work")
        return {
            name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name)
        }

    short = added(telemetry, in_claim=False)

    assert short["started"] == short["claimed"] == sum(short.values()) - short["started"] - short["claimed"]
    assert short == added(telemetry, in_claim=True)
    assert short == added(general, in_claim=False)


@pytest.mark.parametrize("tracked", [False, True], ids=["bare", "tracked"])
def test_counts_are_exact_with_16_threads_and_a_collector(
    tracked: bool, telemetry: Telemetry, counts_of: CountsOf
) -> None:
    readers: dict[str, Any] = {"task_id": "number", "headers": "headers"} if tracked else {}

    @telemetry.task("work", **readers)
    def handler(number: int, headers: object = None) -> None:
        if number % 10 == 0:
            raise ValueError
        if number % 10 == 1:
            assert telemetry.current() is not None

    def call() -> None:
        for number in range(500):
            with suppress(ValueError):
                handler(number)

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        telemetry._collect()

    assert {"claimed": 8000, "started": 8000, "completed": 7200, "failed": 800} == counts_of(
        telemetry, "work"
    )


def _drift(telemetry: Telemetry) -> int:
    """Return the runs in flight as marked; below 0 when one was ended twice, which in flight would not show."""
    return sum(
        series.started.marks.read() - series.completed.marks.read() - series.uncompleted.read()
        for series in telemetry._tracker._series.values()
    )


class InterruptError(BaseException):
    """What the signal handler raises at whatever byte code."""


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], object]], None]]:
    """Calls something over and over, until 400 times a signal raises `InterruptError` in the middle of it."""
    armed = [False]  # no Event: its lock would be taken twice by a signal inside it
    done = threading.Event()

    def interrupt(*_: object) -> None:
        if armed[0]:
            armed[0] = False
            raise InterruptError

    def keep_calling(call: Callable[[], object]) -> None:
        for _ in range(400):
            try:
                armed[0] = True
                while armed[0]:
                    call()
            except InterruptError:
                continue

    def keep_sending() -> None:
        main, chance = threading.main_thread().ident, random.Random(7)
        while not done.wait(chance.uniform(0, 2e-4)):
            signal.pthread_kill(main or 0, signal.SIGUSR1)

    monkeypatch.setattr(sys, "unraisablehook", lambda *_: None)  # a signal inside `__del__` goes there
    before = signal.signal(signal.SIGUSR1, interrupt)
    sender = threading.Thread(target=keep_sending)
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # so that the sender gets its turn
    sender.start()
    yield keep_calling
    done.set()
    sys.setswitchinterval(interval_s)
    sender.join()
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("kind", ["bare", "current", "object", "raise", "tracked"])
def test_interrupts_at_any_byte_code_leave_nothing_in_flight(
    kind: str, telemetry: Telemetry, interrupted: Callable[[Callable[[], object]], None]
) -> None:
    readers: dict[str, Any] = {"task_id": "number"} if kind == "tracked" else {}
    leaks: list[Run | None] = []

    @telemetry.task("work", **readers)
    def handler(number: int) -> object:
        if kind == "current":
            telemetry.current()
        if kind == "raise":
            raise ValueError
        return Thing() if kind == "object" else None

    def call() -> None:
        try:
            handler(5)
        except ValueError:
            pass
        finally:
            leaks.append(telemetry.current())
            leaks[1:] = []

    class Thing:
        __slots__ = ()

    interrupted(call)

    assert {None} == set(leaks)
    assert telemetry.current() is None
    assert 0 == _drift(telemetry)
    assert {} == {
        key: value for series in telemetry._tracker._series.values() for key, value in series.live.items()
    }


def test_interrupts_leave_nothing_in_flight_in_coroutines(
    telemetry: Telemetry, interrupted: Callable[[Callable[[], object]], None]
) -> None:
    @telemetry.task("work")
    async def handler() -> None:
        telemetry.current()

    def call() -> None:
        coroutine = handler()
        try:
            coroutine.send(None)  # what a loop does, without one that interrupts would break
        except StopIteration:
            pass
        finally:
            coroutine.close()

    interrupted(call)

    assert telemetry.current() is None
    assert 0 == _drift(telemetry)


def test_waits_from_any_mapping_are_counted_as_on_the_general_way(
    telemetry: Telemetry,
    general: Telemetry,
    timings_of: Callable[[Telemetry], dict[tuple[str, ...], list[float]]],
) -> None:
    class Headers(dict[str, object]):
        pass

    class BrokenHeaders(dict[str, object]):
        def get(self, *_: object) -> Any:
            raise ValueError

    for each in (telemetry, general):

        @each.task("work", headers="headers")
        def handler(headers: object, each: Telemetry = each) -> float | None:
            run = each.current()
            assert run is not None
            return run.wait_s

        now_s = each._clock.time()
        for kind in (dict, Headers):
            assert handler(kind({"qt-enqueued-at": str(now_s - 5)})) == pytest.approx(5.0, abs=2.0)
        assert handler(BrokenHeaders()) is None
        waits = timings_of(each)["queue.task.wait", "default", "work"]
        assert waits == pytest.approx([5.0, 5.0], abs=2.0)


@pytest.mark.parametrize("end", ["return", "raise"])
@pytest.mark.parametrize("readers", [{}, {"task_id": "task_id"}], ids=["short", "tracked"])
@pytest.mark.parametrize("kind", ["function", "coroutine"])
@pytest.mark.parametrize("nested", [False, True], ids=["alone", "inside it a run"])
def test_a_forked_child_that_returns_through_the_wrapper_leaves_the_run_to_its_parent(
    nested: bool, kind: str, readers: dict[str, str], end: str, telemetry: Telemetry, counts_of: CountsOf
) -> None:
    forked: list[int] = []

    def work(task_id: object = None) -> None:
        with telemetry.run("inner") if nested else nullcontext():
            forked.append(os.fork())
            telemetry.counter("first").increment()
        if not forked[0] and end == "raise":
            raise SystemExit

    async def coroutine(task_id: object = None) -> None:
        work(task_id)

    try:
        with suppress(SystemExit):
            if kind == "function":
                telemetry.task("work", **readers)(work)()  # type: ignore[call-overload] # only readers
            else:
                asyncio.run(telemetry.task("work", **readers)(coroutine)())  # type: ignore[call-overload] # as above
        if forked == [0]:
            telemetry._collect()
            ended = [key.name for key in telemetry._stats.snapshot().counters if "work" in key.values]
            os._exit(1 if ended or telemetry._tracker.in_flight() else 0)
    finally:
        if forked == [0]:
            os._exit(2)

    assert 0 == os.waitstatus_to_exitcode(os.waitpid(forked[0], 0)[1])
    assert {"claimed": 1, "started": 1, "completed": 1} == counts_of(telemetry, "work")
