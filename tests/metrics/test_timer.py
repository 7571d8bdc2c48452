import asyncio
import functools
import gc
import inspect
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextvars import Context, copy_context
from typing import Any

import pytest

from queue_telemetry._runtime import DropReason, Gate
from queue_telemetry.metrics import CATALOG, MAX_SAMPLES, Batch, Registry, Timer
from queue_telemetry.metrics.timer import _open

Merge = Callable[[list[Batch]], Batch]
_WAIT = CATALOG["queue.task.wait"]


@pytest.fixture
def timer(registry: Registry) -> Timer:
    return registry.timer(_WAIT, ("mail", "send"))


@pytest.fixture(autouse=True)
def own_context() -> None:
    """A block that a test leaves open is not the next one's."""
    _open.set(())


def drained(timer: Timer) -> Batch:
    batch = Batch()
    timer.drain(batch)
    batch.drop(timer._invalid.take_new(), DropReason.INVALID)  # as a collection does for all cells at once
    return batch


def durations(timer: Timer) -> list[float]:
    return [duration for _, values in drained(timer).timings for duration in values]


def test_a_block_is_timed_and_its_result_is_its_own(timer: Timer, manual: Any) -> None:
    with timer as handle:
        manual.now_s += 2.5

    assert timer is handle
    assert [2.5] == durations(timer)


def test_a_block_that_raises_is_timed_and_the_exception_passes(timer: Timer, manual: Any) -> None:
    error = KeyError("mine")
    with pytest.raises(KeyError) as caught, timer:
        manual.now_s += 1.0
        raise error

    assert error is caught.value
    assert [1.0] == durations(timer)


def test_one_handle_nests(timer: Timer, manual: Any) -> None:
    with timer:
        manual.now_s += 1.0
        with timer:
            manual.now_s += 2.0
        manual.now_s += 4.0

    assert [2.0, 7.0] == durations(timer)


def test_a_recursive_function_is_timed_at_every_depth(timer: Timer, manual: Any) -> None:
    @timer
    def descend(depth: int) -> None:
        manual.now_s += 1.0
        if depth:
            with timer:
                descend(depth - 1)

    descend(50)
    assert sorted([*range(1, 52), *range(1, 51)]) == sorted(durations(timer))


def test_one_handle_is_safe_in_interleaved_tasks(timer: Timer, manual: Any) -> None:
    async def use(began: asyncio.Event, other: asyncio.Event, passes_s: float) -> None:
        async with timer:
            began.set()
            await other.wait()
            manual.now_s += passes_s

    async def main() -> None:
        first, second, third = asyncio.Event(), asyncio.Event(), asyncio.Event()
        tasks = [asyncio.create_task(use(first, second, 1.0))]
        await first.wait()
        manual.now_s += 10.0
        tasks.append(asyncio.create_task(use(second, third, 2.0)))
        await asyncio.wait_for(tasks[0], 10)
        third.set()
        await asyncio.wait_for(tasks[1], 10)

    asyncio.run(main())
    assert [11.0, 3.0] == durations(timer)  # the second began at 10 and ended at 13


def test_one_handle_is_safe_in_many_threads(timer: Timer, fast_switching: None, merged: Merge) -> None:
    @timer
    def nothing() -> None:
        pass

    def work() -> None:
        for _ in range(200):
            timer.observe(0.5)
            with timer, timer:
                nothing()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    batches = []
    while any(thread.is_alive() for thread in threads):
        batches.append(drained(timer))
    for thread in threads:
        thread.join()
    batch = merged([*batches, drained(timer)])

    values = [duration for _, values in batch.timings for duration in values]
    assert 16 * 200 * 4 == len(values) == batch.weight
    assert 16 * 200 == values.count(0.5)


def test_blocks_of_interleaved_generators_are_each_timed(registry: Registry, manual: Any) -> None:
    timers = [registry.timer(_WAIT, (queue, "t")) for queue in "ab"]

    def work(timer: Timer, steps: int) -> Generator[None]:
        with timer:
            for _ in range(steps):
                yield
                manual.now_s += 1.0

    for _ in zip(work(timers[0], 2), work(timers[1], 5), strict=False):
        manual.now_s += 10.0

    assert [[23.0], [23.0]] == [durations(timer) for timer in timers]
    assert () == _open.get()


def test_a_generator_dropped_half_way_is_timed_to_its_end(timer: Timer, manual: Any) -> None:
    def work() -> Generator[None]:
        with timer:
            yield

    steps = work()
    next(steps)
    manual.now_s += 3.0
    with timer:
        del steps
        gc.collect()
        manual.now_s += 1.0

    assert 4.0 == sum(durations(timer))  # one handle: which of the two blocks ended first cannot be known
    assert () == _open.get()


def test_a_block_that_ends_in_another_context_is_counted_as_dropped(timer: Timer) -> None:
    timer.__enter__()
    Context().run(timer.__exit__, None, None, None)

    assert {DropReason.INVALID: 1} == drained(timer).dropped


def test_blocks_that_never_end_here_do_not_pile_up(timer: Timer) -> None:
    def leave_open() -> int:
        for _ in range(3_000):
            timer.__enter__()
        return len(_open.get())

    assert 1_000 == copy_context().run(leave_open)


def test_a_timer_that_nobody_drains_is_bounded_and_counts_what_it_let_go(timer: Timer) -> None:
    for _ in range(MAX_SAMPLES + 10):
        timer.observe(0.5)
    batch = drained(timer)

    assert [MAX_SAMPLES] == [len(values) for _, values in batch.timings]
    assert {DropReason.OVERFLOW: 10} == batch.dropped


@pytest.mark.parametrize("seconds", [-1, -0.001, float("nan"), float("inf"), True, "5", None, 10**400])
def test_what_is_no_duration_is_counted_as_dropped(timer: Timer, seconds: Any) -> None:
    timer.observe(seconds)
    batch = drained(timer)

    assert {DropReason.INVALID: 1} == batch.dropped
    assert [] == batch.timings


def test_durations_are_floats(timer: Timer) -> None:
    timer.observe(2)

    assert [float] == [type(value) for value in durations(timer)]


def test_a_sleeping_gate_is_asked_when_something_ends(timer: Timer, gate: Gate) -> None:
    gate.asleep = True
    gate.wake = lambda: False
    timer.observe(1.0)
    with timer:
        pass
    timer(lambda: None)()
    Context().run(timer.__exit__, None, None, None)

    assert 0 == drained(timer).weight


class Users:
    def __init__(self, manual: Any) -> None:
        self.manual = manual

    def method(self, add: int) -> int:
        self.manual.now_s += 1.0
        return 1 + add

    async def async_method(self, add: int) -> int:
        return self.method(add)

    def __call__(self, add: int) -> int:
        return self.method(add)


@pytest.mark.parametrize(
    "make",
    [
        lambda users: users.method,
        lambda users: users,
        lambda users: functools.partial(users.method),
        lambda users: users.async_method,
        lambda users: functools.partial(users.async_method),
    ],
    ids=["method", "object", "partial", "async method", "partial of async"],
)
def test_any_callable_is_timed(
    timer: Timer, manual: Any, make: Callable[[Users], Callable[[int], Any]]
) -> None:
    original = make(Users(manual))
    wrapped = timer(original)
    result = wrapped(4)
    if inspect.iscoroutine(result):
        result = asyncio.run(result)

    assert 5 == result
    assert [1.0] == durations(timer)
    assert inspect.iscoroutinefunction(original) == inspect.iscoroutinefunction(wrapped)


def test_static_and_class_methods_stay_what_they_are(timer: Timer) -> None:
    class Tasks:
        @timer
        @staticmethod
        def add(a: int, b: int) -> int:
            return a + b

        @timer
        @classmethod
        def name(cls) -> str:
            return cls.__name__

    assert (3, 3) == (Tasks.add(1, 2), Tasks().add(1, 2))
    assert ("Tasks", "Tasks") == (Tasks.name(), Tasks().name())
    assert 4 == len(durations(timer))


def test_a_generator_is_timed_from_its_first_step_to_its_end(timer: Timer, manual: Any) -> None:
    @timer
    def work() -> Generator[int]:
        manual.now_s += 1.0
        yield 1
        manual.now_s += 2.0

    steps = work()
    manual.now_s += 100.0
    assert [1] == list(steps)
    assert [3.0] == durations(timer)


def test_an_async_generator_is_timed_from_its_first_step_to_its_end(timer: Timer, manual: Any) -> None:
    @timer
    async def work() -> AsyncGenerator[int]:
        manual.now_s += 1.0
        yield 1
        manual.now_s += 2.0

    async def main() -> list[int]:
        return [step async for step in work()]

    assert [1] == asyncio.run(main())
    assert [3.0] == durations(timer)


@pytest.mark.parametrize("kind", ["function", "coroutine", "block"])
def test_a_failure_is_timed_and_passes_untouched(timer: Timer, manual: Any, kind: str) -> None:
    error = ValueError("mine")

    @timer
    def function() -> None:
        manual.now_s += 1.0
        raise error

    @timer
    async def coroutine() -> None:
        manual.now_s += 1.0
        raise error

    async def block() -> None:
        async with timer:
            manual.now_s += 1.0
            raise error

    makes: dict[str, Callable[[], Awaitable[None] | None]] = {
        "function": function,
        "coroutine": coroutine,
        "block": block,
    }
    with pytest.raises(ValueError, match="mine") as caught:
        given = makes[kind]()
        assert inspect.iscoroutine(given)
        asyncio.run(given)

    assert error is caught.value
    assert None is error.__context__
    assert [1.0] == durations(timer)


def test_a_decorated_function_keeps_its_name_and_signature(timer: Timer) -> None:
    def render(template: str, *, size: int = 1) -> str:
        """Render."""
        return template * size

    wrapped = timer(render)
    assert ("render", "Render.", inspect.signature(render)) == (
        wrapped.__name__,
        wrapped.__doc__,
        inspect.signature(wrapped),
    )
