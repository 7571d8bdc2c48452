"""What is wrapped behaves as what is not: each kind of callable, each way to drive it and each way to end."""

import asyncio
import functools
import gc
import inspect
import traceback
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any

import pytest

from queue_telemetry._runtime.callables import Arguments, CallableKind, Watch, kind_of, watched


class Recorder(Watch[int]):
    """Notes what it is told, in order; tells calls apart by number."""

    def __init__(self) -> None:
        self.calls = 0
        self.seen: list[Any] = []

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Arguments, int]:
        self.calls += 1
        self.seen.append("begin")
        return (args, kwargs), self.calls

    def resume(self, state: int) -> None:
        self.seen.append("resume")

    def suspend(self, state: int) -> None:
        self.seen.append("suspend")

    def end(self, state: int, error: BaseException | None) -> None:
        self.seen.append(("end", error))


def function(a: int, *, b: int = 2) -> int:
    """Adds."""
    return a + b


async def coroutine(a: int, *, b: int = 2) -> int:
    return a + b


def generator(a: int, *, b: int = 2) -> Generator[int, int, int]:
    got = yield a
    return got + b


async def async_generator(a: int, *, b: int = 2) -> AsyncGenerator[int, int]:
    got = yield a
    yield got + b


class Called:
    def __call__(self, a: int) -> int:
        return a

    def method(self, a: int) -> int:
        return a

    async def async_method(self, a: int) -> int:
        return a


class AsyncCalled:
    async def __call__(self, a: int) -> int:
        return a


class GeneratorCalled:
    def __call__(self, a: int) -> Generator[int]:
        yield a


@types.coroutine
def awaited_generator() -> Generator[None, None, int]:
    yield
    return 5


@pytest.mark.parametrize(
    ("kind", "callable_"),
    [
        (CallableKind.FUNCTION, function),
        (CallableKind.FUNCTION, lambda: None),
        (CallableKind.FUNCTION, len),
        (CallableKind.FUNCTION, Called),
        (CallableKind.FUNCTION, Called()),
        (CallableKind.FUNCTION, Called().method),
        (CallableKind.FUNCTION, functools.partial(function, 1)),
        (CallableKind.FUNCTION, AsyncCalled),
        (CallableKind.FUNCTION, awaited_generator),
        (CallableKind.COROUTINE, coroutine),
        (CallableKind.COROUTINE, Called().async_method),
        (CallableKind.COROUTINE, AsyncCalled()),
        (CallableKind.COROUTINE, functools.partial(functools.partial(coroutine, 1), b=1)),
        (CallableKind.COROUTINE, functools.partial(AsyncCalled(), 1)),
        (CallableKind.GENERATOR, generator),
        (CallableKind.GENERATOR, GeneratorCalled()),
        (CallableKind.GENERATOR, functools.partial(generator, 1)),
        (CallableKind.ASYNC_GENERATOR, async_generator),
        (CallableKind.ASYNC_GENERATOR, functools.partial(async_generator, 1)),
    ],
)
def test_the_kind_is_what_a_call_gives(kind: CallableKind, callable_: Callable[..., object]) -> None:
    assert kind is kind_of(callable_)


@pytest.mark.parametrize("original", [function, coroutine, generator, async_generator])
def test_what_is_wrapped_looks_like_the_original(original: Callable[..., object]) -> None:
    wrapped = watched(original, Recorder())

    for look in (
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
        asyncio.iscoroutinefunction,
        inspect.signature,
        kind_of,
    ):
        assert look(original) == look(wrapped)
    assert (original.__name__, original.__doc__, original) == (
        wrapped.__name__,
        wrapped.__doc__,
        inspect.unwrap(wrapped),
    )


def test_a_generator_that_is_awaited_still_can_be() -> None:
    async def main() -> int:
        return await watched(awaited_generator, Recorder())()

    assert 5 == asyncio.run(main())


def test_a_function_is_watched_from_its_begin_to_its_end() -> None:
    watch = Recorder()

    assert 12 == watched(function, watch)(10)
    assert ["begin", "resume", ("end", None), "suspend"] == watch.seen


def test_a_watch_may_answer_in_place_of_a_function() -> None:
    class Doubling(Recorder):
        def returned(self, state: int, result: Any) -> Any:
            return result * 2

    assert 24 == watched(function, Doubling())(10)


def test_a_watch_may_change_the_arguments() -> None:
    class Filling(Recorder):
        def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Arguments, int]:
            return (args, {**kwargs, "b": 5}), 1

    assert 15 == watched(function, Filling())(10)


def test_a_coroutine_is_watched_from_its_first_step_to_its_end() -> None:
    watch = Recorder()
    pending = watched(coroutine, watch)(10)
    assert [] == watch.seen

    assert 12 == asyncio.run(pending)
    assert ["begin", "resume", ("end", None), "suspend"] == watch.seen


def _run(call: Callable[[], object]) -> object:
    """Drive what a call gives to its end."""
    given = call()
    if inspect.iscoroutine(given):
        return asyncio.run(given)
    if inspect.isgenerator(given):
        return list(given)
    if inspect.isasyncgen(given):

        async def drive() -> list[object]:
            return [item async for item in given]

        return asyncio.run(drive())
    return given


def raising(error: BaseException) -> list[Callable[[], object]]:
    def users_function() -> None:
        raise error

    async def users_coroutine() -> None:
        raise error

    def users_generator() -> Generator[int]:
        yield 1
        raise error

    async def users_async_generator() -> AsyncGenerator[int]:
        yield 1
        raise error

    return [users_function, users_coroutine, users_generator, users_async_generator]


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize(
    "kind", [ValueError, KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit]
)
def test_an_exception_passes_untouched(at: int, kind: type[BaseException]) -> None:
    cause, error, watch = KeyError("cause"), kind("mine"), Recorder()
    error.__cause__ = cause
    original = raising(error)[at]

    if at in {1, 3} and kind is not ValueError:
        _pass_by_hand(watched(original, watch), error)
    else:
        with pytest.raises(kind) as caught:
            _run(watched(original, watch))
        assert error is caught.value

    assert (cause, None) == (error.__cause__, error.__context__)
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert original.__name__ in frames[-1]
    told = None if kind is GeneratorExit and at >= 2 else error
    assert ("end", told) == next(entry for entry in watch.seen if isinstance(entry, tuple))
    assert watch.seen.count("resume") == watch.seen.count("suspend")


def _pass_by_hand(call: Callable[[], Any], error: BaseException) -> None:
    """Step without an event loop, which treats these exceptions in its own way."""
    given = call()
    steps: list[Any] = [given] if inspect.iscoroutine(given) else [given.__anext__(), given.__anext__()]
    caught: list[BaseException] = []
    for step in steps:
        try:
            step.send(None)
        except StopIteration:
            continue
        except BaseException as passed:
            caught.append(passed)
    assert [error] == caught


def test_a_generator_gets_what_is_sent_and_returns_its_value() -> None:
    watch = Recorder()
    steps = watched(generator, watch)(1)

    assert 1 == next(steps)
    with pytest.raises(StopIteration) as stop:
        steps.send(40)
    assert 42 == stop.value.value
    assert ["begin", "resume", "suspend", "resume", "suspend", ("end", None)] == watch.seen


def test_yield_from_gives_the_value_of_a_watched_generator() -> None:
    def outer() -> Generator[int, int, int]:
        return (yield from watched(generator, Recorder())(1))

    steps = outer()
    next(steps)
    with pytest.raises(StopIteration) as stop:
        steps.send(1)
    assert 3 == stop.value.value


def test_a_generator_that_is_never_stepped_is_not_watched() -> None:
    watch = Recorder()
    steps = watched(generator, watch)(1)
    steps.close()

    assert [] == watch.seen


def answering() -> Generator[object, object, str]:
    """Answers exceptions that are thrown in."""
    while True:
        try:
            yield "ready"
        except ValueError as error:
            yield error
        except KeyError:
            return "over"


def test_a_thrown_exception_reaches_the_generator_itself() -> None:
    watch, error = Recorder(), ValueError("thrown")
    steps = watched(answering, watch)()
    next(steps)

    assert error is steps.throw(error)
    assert "ready" == next(steps)
    with pytest.raises(StopIteration) as stop:
        steps.throw(KeyError("k"))
    assert "over" == stop.value.value
    assert ("end", None) == watch.seen[-1]


def test_a_thrown_exception_that_is_not_answered_comes_back() -> None:
    watch, error = Recorder(), RuntimeError("thrown")
    steps = watched(answering, watch)()
    next(steps)

    with pytest.raises(RuntimeError) as caught:
        steps.throw(error)
    assert error is caught.value
    assert ("end", error) == watch.seen[-1]


@pytest.mark.parametrize("error", [StopIteration("mine"), StopAsyncIteration("mine")])
def test_a_generators_own_stop_becomes_a_runtime_error(error: Exception) -> None:
    """Source: https://peps.python.org/pep-0479/"""
    wrapped = watched(raising(error)[2], Recorder())
    if isinstance(error, StopAsyncIteration):
        with pytest.raises(StopAsyncIteration):
            _run(wrapped)
        return
    with pytest.raises(RuntimeError) as caught:
        _run(wrapped)
    assert error is caught.value.__cause__


@pytest.mark.parametrize("error", [StopIteration("mine"), StopAsyncIteration("mine")])
def test_an_async_generators_own_stop_becomes_a_runtime_error(error: Exception) -> None:
    with pytest.raises(RuntimeError) as caught:
        _run(watched(raising(error)[3], Recorder()))
    assert error is caught.value.__cause__


def test_closing_a_generator_early_runs_its_end_and_is_no_error() -> None:
    watch, ended = Recorder(), []

    def users() -> Generator[int]:
        try:
            yield 1
        finally:
            ended.append(True)

    steps = watched(users, watch)()
    next(steps)
    steps.close()

    assert [True] == ended
    assert ["begin", "resume", "suspend", "resume", "suspend", ("end", None)] == watch.seen


def test_a_generator_that_goes_on_when_closed_is_told_as_ever() -> None:
    def users() -> Generator[int]:
        try:
            yield 1
        except GeneratorExit:
            yield 2

    steps = watched(users, Recorder())()
    next(steps)
    with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
        steps.close()


def test_an_exception_of_a_closing_generator_is_its_end() -> None:
    watch, error = Recorder(), ValueError("in finally")

    def users() -> Generator[int]:
        try:
            yield 1
        finally:
            raise error

    steps = watched(users, watch)()
    next(steps)
    with pytest.raises(ValueError, match="in finally"):
        steps.close()
    assert ("end", error) == watch.seen[-1]


def test_a_generator_dropped_half_way_ends() -> None:
    watch = Recorder()
    steps = watched(generator, watch)(1)
    next(steps)
    del steps
    gc.collect()

    assert ("end", None) == watch.seen[-1]


def test_an_async_generator_gets_what_is_sent() -> None:
    watch = Recorder()

    async def main() -> list[int]:
        steps = watched(async_generator, watch)(1)
        got = [await anext(steps), await steps.asend(40)]
        with pytest.raises(StopAsyncIteration):
            await anext(steps)
        return got

    assert [1, 42] == asyncio.run(main())
    assert ["begin", *["resume", "suspend"] * 3, ("end", None)] == watch.seen


async def async_answering() -> AsyncGenerator[object]:
    while True:
        try:
            yield "ready"
        except ValueError as error:
            yield error
        except KeyError:
            return


def test_an_exception_thrown_into_an_async_generator_reaches_it_itself() -> None:
    watch, error = Recorder(), ValueError("thrown")

    async def main() -> None:
        steps = watched(async_answering, watch)()
        await anext(steps)
        assert error is await steps.athrow(error)
        assert "ready" == await anext(steps)
        with pytest.raises(StopAsyncIteration):
            await steps.athrow(KeyError("k"))

    asyncio.run(main())
    assert ("end", None) == watch.seen[-1]


def test_closing_an_async_generator_runs_its_awaiting_end() -> None:
    watch, ended = Recorder(), []

    async def users() -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    async def main() -> None:
        steps = watched(users, watch)()
        await anext(steps)
        await steps.aclose()

    asyncio.run(main())
    assert [True] == ended
    assert ("end", None) == watch.seen[-1]


@pytest.mark.parametrize("drop", [True, False], ids=["dropped", "left to the loop"])
def test_an_async_generator_left_half_way_is_closed_once_by_its_loop(drop: bool) -> None:
    watch, ended, kept = Recorder(), list[bool](), list[object]()
    complaints: list[object] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        closed = asyncio.Event()

        async def users() -> AsyncGenerator[int]:
            try:
                yield 1
            finally:
                await asyncio.sleep(0)
                ended.append(True)
                closed.set()

        steps = watched(users, watch)()
        await anext(steps)
        if drop:
            del steps
            await asyncio.wait_for(closed.wait(), 10)
        else:
            kept.append(steps)

    asyncio.run(main())
    assert [True] == ended
    assert [] == complaints
    assert [("end", None)] == [entry for entry in watch.seen if isinstance(entry, tuple)]


def test_the_generators_that_a_generator_uses_stay_known_to_the_loop() -> None:
    ended: list[bool] = []

    async def inner() -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            ended.append(True)

    async def users() -> AsyncGenerator[int]:
        kept.append(inner())
        yield await anext(kept[0])

    kept: list[AsyncGenerator[int]] = []

    async def main() -> None:
        async for _ in watched(users, Recorder())():
            pass

    asyncio.run(main())
    assert [True] == ended


def test_a_cancelled_coroutine_is_told_so() -> None:
    watch = Recorder()

    async def users() -> None:
        await asyncio.sleep(3_600)

    async def main() -> None:
        task = asyncio.create_task(watched(users, watch)())
        await asyncio.sleep(0)
        task.cancel("why")
        with pytest.raises(asyncio.CancelledError, match="why"):
            await task

    asyncio.run(main())
    name, error = watch.seen[-2]
    assert "end" == name
    assert isinstance(error, asyncio.CancelledError)


def test_a_coroutine_closed_half_way_ends() -> None:
    watch = Recorder()

    async def users() -> None:
        await asyncio.sleep(0)

    steps: Any = watched(users, watch)()
    steps.send(None)
    steps.close()

    assert isinstance(watch.seen[-2][1], GeneratorExit)


def test_calls_that_overlap_have_states_of_their_own() -> None:
    class Numbering(Recorder):
        def end(self, state: int, error: BaseException | None) -> None:
            self.seen.append(state)

    watch = Numbering()
    first, second = watched(generator, watch)(1), watched(generator, watch)(1)
    next(first)
    next(second)
    first.close()
    second.close()

    assert [1, 2] == [entry for entry in watch.seen if isinstance(entry, int)]


def test_wrong_arguments_are_the_functions_own_complaint() -> None:
    watch = Recorder()
    with pytest.raises(TypeError, match="missing 1 required positional argument") as caught:
        watched(function, watch)()  # type: ignore[call-arg] # the mistake under test
    assert ("end", caught.value) == watch.seen[-2]


def test_an_awaitable_is_handed_on_as_it_is() -> None:
    given: Awaitable[int] = coroutine(1)
    assert given is watched(lambda: given, Recorder())()
    assert 3 == asyncio.run(given)  # type: ignore[arg-type] # it is a coroutine
