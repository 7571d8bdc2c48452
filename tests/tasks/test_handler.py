"""Whatever kind of callable is decorated, each call is one run and passes through untouched."""

import asyncio
import functools
import inspect
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from typing import Any

import pytest

from queue_telemetry.api import Run, Telemetry
from queue_telemetry.exceptions import ConfigurationError

CountsOf = Callable[[Telemetry, str], dict[str, int]]
ONE_COMPLETED = {"claimed": 1, "started": 1, "completed": 1}
ONE_FAILED = {"claimed": 1, "started": 1, "failed": 1}


class BoomError(Exception):
    pass


def _function(work: Callable[[], object]) -> object:
    return work()


def _returns(result: object) -> object:
    return result


async def _coroutine(work: Callable[[], object]) -> object:
    await asyncio.sleep(0)
    return work()


def _generator(work: Callable[[], object]) -> Iterator[object]:
    yield work()


async def _async_generator(work: Callable[[], object]) -> AsyncIterator[object]:
    yield work()


def _returns_coroutine(work: Callable[[], object]) -> Coroutine[Any, Any, object]:
    return _coroutine(work)


def _returns_task(work: Callable[[], object]) -> "asyncio.Task[object]":
    return asyncio.create_task(_coroutine(work))


class _CustomAwaitable:
    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work

    def __await__(self) -> Any:
        return _coroutine(self._work).__await__()


class _CallableObject:
    def __call__(self, work: Callable[[], object]) -> object:
        return work()


class _AsyncCallableObject:
    async def __call__(self, work: Callable[[], object]) -> object:
        await asyncio.sleep(0)
        return work()


class _Methods:
    def instance(self, work: Callable[[], object]) -> object:
        return work()


def _static_below(telemetry: Telemetry) -> Any:
    class Owner:
        @staticmethod
        @telemetry.task("work")
        def method(work: Callable[[], object]) -> object:
            return work()

    return Owner.method


def _static_above(telemetry: Telemetry) -> Any:
    class Owner:
        @telemetry.task("work")
        @staticmethod
        def method(work: Callable[[], object]) -> object:
            return work()

    return Owner().method


def _class_below(telemetry: Telemetry) -> Any:
    class Owner:
        @classmethod
        @telemetry.task("work")
        def method(cls, work: Callable[[], object]) -> object:
            assert cls is Owner
            return work()

    return Owner.method


def _class_above(telemetry: Telemetry) -> Any:
    class Owner:
        @telemetry.task("work")
        @classmethod
        def method(cls, work: Callable[[], object]) -> object:
            assert cls is Owner
            return work()

    return Owner().method


def _instance(telemetry: Telemetry) -> Any:
    class Owner:
        @telemetry.task("work")
        def method(self, work: Callable[[], object]) -> object:
            assert isinstance(self, Owner)
            return work()

    return Owner().method


KINDS: dict[str, Callable[[Telemetry], Any]] = {
    "function": lambda telemetry: telemetry.task("work")(_function),
    "coroutine": lambda telemetry: telemetry.task("work")(_coroutine),
    "generator": lambda telemetry: telemetry.task("work")(_generator),
    "async generator": lambda telemetry: telemetry.task("work")(_async_generator),
    "returns a coroutine": lambda telemetry: telemetry.task("work")(_returns_coroutine),
    "returns a task": lambda telemetry: telemetry.task("work")(_returns_task),
    "lambda": lambda telemetry: telemetry.task("work")(lambda work: work()),
    "lambda of a coroutine": lambda telemetry: telemetry.task("work")(lambda work, *_: _coroutine(work)),
    "partial": lambda telemetry: telemetry.task("work")(functools.partial(_function)),
    "partial of a coroutine": lambda telemetry: telemetry.task("work")(functools.partial(_coroutine)),
    "callable object": lambda telemetry: telemetry.task("work")(_CallableObject()),
    "async callable object": lambda telemetry: telemetry.task("work")(_AsyncCallableObject()),
    "bound method": lambda telemetry: telemetry.task("work")(_Methods().instance),
    "instance method": _instance,
    "static below": _static_below,
    "static above": _static_above,
    "class below": _class_below,
    "class above": _class_above,
    "with readers": lambda telemetry: telemetry.task("work", task_id=lambda *_: "5", headers=lambda *_: None)(
        _function
    ),
}


async def _drive(handler: Any, work: Callable[[], object]) -> object:
    """Call a handler as users of its kind do, and return what came out at its end."""
    result = handler(work)
    if inspect.isawaitable(result):
        return await result
    if inspect.isgenerator(result):
        (item,) = result
        return item
    if inspect.isasyncgen(result):
        (item,) = [item async for item in result]
        return item
    return result


@pytest.fixture(params=["short", "general"])
def either(request: pytest.FixtureRequest) -> Telemetry:
    """Each of the two ways in turn."""
    found: Telemetry = request.getfixturevalue({"short": "telemetry", "general": "general"}[request.param])
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_each_call_is_one_run_and_its_result_passes_through(
    kind: str, either: Telemetry, counts_of: CountsOf
) -> None:
    handler = KINDS[kind](either)
    result = object()

    assert result is asyncio.run(_drive(handler, lambda: result))
    assert ONE_COMPLETED == counts_of(either, "work")


@pytest.mark.parametrize("kind", KINDS)
def test_the_exception_passes_through_as_it_was(kind: str, either: Telemetry, counts_of: CountsOf) -> None:
    handler = KINDS[kind](either)
    cause, context, boom = ValueError("cause"), KeyError("context"), BoomError("boom")

    def work() -> None:
        try:
            raise context
        except KeyError:
            raise boom from cause

    with pytest.raises(BoomError) as caught:
        asyncio.run(_drive(handler, work))

    assert boom is caught.value
    assert (cause, context) == (boom.__cause__, boom.__context__)
    assert "work" == caught.traceback[-1].name
    assert ONE_FAILED == counts_of(either, "work")


@pytest.mark.parametrize("kind", KINDS)
def test_current_is_the_run_inside_and_none_outside(kind: str, either: Telemetry) -> None:
    handler = KINDS[kind](either)
    seen: list[Run | None] = []

    async def call() -> None:
        await _drive(handler, lambda: seen.extend([either.current(), either.current()]))
        seen.append(either.current())

    asyncio.run(call())

    assert isinstance(seen[0], Run)
    assert seen[0] is seen[1]
    assert seen[2] is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", [{"enabled": False}, {}], ids=["disabled", "closed"])
def test_handlers_work_without_telemetry(
    kind: str, settings: dict[str, object], make_telemetry: Callable[..., Telemetry], counts_of: CountsOf
) -> None:
    telemetry = make_telemetry(**settings)
    telemetry.close(1.0)
    handler = KINDS[kind](telemetry)
    current: list[Run | None] = []

    asyncio.run(_drive(handler, lambda: current.append(telemetry.current())))

    assert isinstance(current[0], Run)
    assert 1 == current[0].attempt
    assert telemetry.current() is None
    assert {} == counts_of(telemetry, "work")


def test_the_bare_decorator_names_the_type_after_the_function(
    telemetry: Telemetry, counts_of: CountsOf
) -> None:
    @telemetry.task
    def cleanup_runs() -> None: ...

    cleanup_runs()

    assert ONE_COMPLETED == counts_of(telemetry, "cleanup_runs")


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (_function, "_function"),
        (functools.partial(functools.partial(_function)), "_function"),
        (_CallableObject(), "_CallableObject"),
        (_Methods().instance, "instance"),
        (lambda: None, "<lambda>"),
    ],
)
def test_what_is_no_plain_function_has_a_type_too(
    function: Callable[..., object], name: str, telemetry: Telemetry
) -> None:
    seen: list[str] = []
    handler = telemetry.task(function)
    if name == "<lambda>":
        handler = telemetry.task(lambda: seen.append(telemetry.current().type))  # type: ignore[union-attr] # in a task
        handler()
    else:
        handler(lambda: seen.append(telemetry.current().type))  # type: ignore[union-attr] # in a task

    assert [name] == seen


def test_name_doc_signature_and_kind_are_kept(telemetry: Telemetry) -> None:
    @telemetry.task
    async def handler(run_id: int, *, headers: dict[str, str] | None = None) -> str:
        """Say what it does."""
        return str(run_id)

    assert ("handler", "Say what it does.") == (handler.__name__, handler.__doc__)
    assert ["run_id", "headers"] == list(inspect.signature(handler).parameters)
    assert inspect.iscoroutinefunction(handler)
    assert inspect.isgeneratorfunction(telemetry.task(_generator))
    assert inspect.isasyncgenfunction(telemetry.task(_async_generator))


@pytest.mark.parametrize("setting", ["task_id", "headers"])
def test_a_parameter_that_does_not_exist_is_refused_by_name(setting: str, telemetry: Telemetry) -> None:
    def handler(run_id: int) -> None: ...

    with pytest.raises(ConfigurationError, match=rf"{setting}='other'.*run_id"):
        telemetry.task(**{setting: "other"})(handler)  # type: ignore[call-overload] # the name varies


@pytest.mark.parametrize("setting", ["retry_on", "expected", "ignore", "timeout_on"])
@pytest.mark.parametrize("wrong", [[ValueError], "ValueError", ("ValueError",), None], ids=repr)
def test_what_is_no_exception_type_is_refused_by_name(
    setting: str, wrong: object, telemetry: Telemetry
) -> None:
    with pytest.raises(ConfigurationError, match=setting):
        telemetry.task(**{setting: wrong})  # type: ignore[call-overload] # wrong on purpose


@pytest.mark.parametrize(("args", "kwargs"), [((5,), {}), ((), {"run_id": 5})], ids=["positional", "keyword"])
def test_task_id_and_headers_are_read_from_the_arguments(
    args: tuple[Any, ...], kwargs: dict[str, Any], either: Telemetry
) -> None:
    headers = {"qt-task-id": "other", "qt-attempt": "3"}

    @either.task(task_id="run_id", headers="headers")
    def handler(run_id: int, headers: dict[str, str] | None = None) -> tuple[str, int]:
        run = either.current()
        assert run is not None
        return run.task_id, run.attempt

    assert ("5", 3) == functools.partial(handler, headers=headers)(*args, **kwargs)


def test_readers_get_the_calls_own_arguments(either: Telemetry) -> None:
    @either.task(task_id=lambda job, **_: job["id"], headers=lambda job, **_: job["headers"])
    def handler(job: dict[str, Any]) -> tuple[str, int]:
        run = either.current()
        assert run is not None
        return run.task_id, run.attempt

    assert ("a", 2) == handler({"id": "a", "headers": {"qt-attempt": b"2"}})


def test_a_reader_that_fails_leaves_the_task_alone(either: Telemetry, counts_of: CountsOf) -> None:
    def reader(*_: object) -> object:
        raise BoomError

    @either.task("work", task_id=reader, headers=reader)
    def handler() -> int:
        return 1

    assert 1 == handler()
    assert ONE_COMPLETED == counts_of(either, "work")


def test_an_awaitables_time_counts_until_it_is_awaited(
    either: Telemetry, counts_of: CountsOf, timings_of: Callable[..., dict[tuple[str, ...], list[float]]]
) -> None:
    handler = either.task("work")(_returns_coroutine)

    async def call() -> object:
        waiting = handler(lambda: "result")
        assert {"claimed": 1, "started": 1, "in_flight": 1} == counts_of(either, "work")
        return await waiting

    assert "result" == asyncio.run(call())
    assert ONE_COMPLETED == counts_of(either, "work")
    assert 1 == len(timings_of(either)["queue.task.duration", "default", "work", "completed"])


@pytest.mark.parametrize("function", [_coroutine, _returns_coroutine])
def test_python_warns_of_a_handler_that_nobody_awaits_by_its_name(
    function: Callable[..., object], either: Telemetry
) -> None:
    handler = either.task("work")(function)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        waiting = handler(lambda: None)
        del waiting
        messages = {str(warning.message) for warning in caught}
        caught.clear()  # a warning keeps its coroutine, and that the one inside
        messages |= {str(warning.message) for warning in caught}

    assert {"coroutine '_coroutine' was never awaited"} == messages


def test_a_coroutine_function_that_nobody_awaits_never_started(
    either: Telemetry, counts_of: CountsOf
) -> None:
    coroutine = either.task("work")(_coroutine)(lambda: None)
    coroutine.close()

    assert {} == counts_of(either, "work")


def test_a_returned_coroutine_that_nobody_awaits_is_lost(either: Telemetry, counts_of: CountsOf) -> None:
    @either.task("work")
    def handler() -> Any:
        return _coroutine(lambda: None)

    waiting = handler()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's own word on it has a test of its own
        waiting.close()
        del waiting

    assert ONE_FAILED == counts_of(either, "work")


def test_a_returned_future_stays_itself_and_ends_its_run(either: Telemetry, counts_of: CountsOf) -> None:
    async def call() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        assert future is either.task("work")(_returns)(future)
        assert {"claimed": 1, "started": 1, "in_flight": 1} == counts_of(either, "work")
        future.cancel()
        await asyncio.sleep(0)

    asyncio.run(call())

    assert {"claimed": 1, "started": 1, "cancelled": 1} == counts_of(either, "work")


def test_a_future_that_is_done_ends_its_run_without_a_loop(either: Telemetry, counts_of: CountsOf) -> None:
    loop = asyncio.new_event_loop()
    future = loop.create_future()
    future.set_result("done")
    loop.close()

    assert future is either.task("work")(lambda: future)()
    assert ONE_COMPLETED == counts_of(either, "work")


def test_asyncio_still_tells_of_a_failed_future_that_nobody_asks(either: Telemetry) -> None:
    told: list[str] = []

    async def call() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context["message"]))
        future = loop.create_future()
        either.task("work")(lambda: future)()
        future.set_exception(BoomError())
        await asyncio.sleep(0)

    asyncio.run(call())

    assert ["Future exception was never retrieved"] == told


def test_a_generators_steps_values_and_return_pass_through(either: Telemetry, counts_of: CountsOf) -> None:
    @either.task("work")
    def handler() -> Generator[object, object, str]:
        got = yield 1
        try:
            yield got
        except KeyError as error:
            yield error
        return "end"

    steps = handler()
    thrown = KeyError()

    assert [1, "sent", thrown] == [next(steps), steps.send("sent"), steps.throw(thrown)]
    with pytest.raises(StopIteration) as stopped:
        next(steps)
    assert "end" == stopped.value.value
    assert ONE_COMPLETED == counts_of(either, "work")


def test_a_generator_closed_early_completed(either: Telemetry, counts_of: CountsOf) -> None:
    steps = either.task("work")(_generator)(lambda: 1)
    assert 1 == next(steps)
    steps.close()  # type: ignore[attr-defined] # a generator

    assert ONE_COMPLETED == counts_of(either, "work")


def test_a_generator_that_is_never_stepped_never_started(either: Telemetry, counts_of: CountsOf) -> None:
    either.task("work")(_generator)(lambda: 1)

    assert {} == counts_of(either, "work")


def test_current_does_not_leak_out_of_a_generators_yield(either: Telemetry) -> None:
    runs: list[Run | None] = []

    @either.task
    def handler() -> Iterator[None]:
        runs.append(either.current())
        yield
        runs.append(either.current())

    steps = handler()
    next(steps)
    outside = either.current()
    list(steps)

    assert outside is None
    assert runs[0] is not None
    assert runs[0] is runs[1]


def test_two_generators_in_step_each_see_their_own_run(either: Telemetry) -> None:
    @either.task
    def handler() -> Iterator[Run | None]:
        while True:
            yield either.current()

    first, second = handler(), handler()
    seen = [next(first), next(second), next(first), next(second)]
    first.close()  # type: ignore[attr-defined] # a generator
    second.close()  # type: ignore[attr-defined] # a generator

    assert seen[:2] == seen[2:]
    assert seen[0] is not seen[1]
    assert either.current() is None


def test_a_claim_that_stands_open_across_a_yield_stays_inside_its_generator(
    either: Telemetry, counts_of: CountsOf
) -> None:
    @either.task
    def handler() -> Iterator[Run | None]:
        with either.claim("mail") as claim:
            claim.took("inner")
            yield either.current()
            inner()
            yield either.current()

    @either.task
    def inner() -> None: ...

    steps = handler()
    run = next(steps)
    inner()

    assert either.current() is None
    assert [run] == list(steps)
    assert either.current() is None
    assert {"claimed": 2, "started": 2, "completed": 2} == counts_of(either, "inner")


def test_an_async_generator_dropped_by_its_task_leaves_no_context(
    either: Telemetry, counts_of: CountsOf
) -> None:
    handler = either.task("work")(_async_generator)

    async def call() -> Run | None:
        steps = handler(lambda: 1)
        assert 1 == await anext(steps)
        await asyncio.create_task(steps.aclose())  # type: ignore[attr-defined] # an async generator
        return either.current()

    assert asyncio.run(call()) is None
    assert ONE_COMPLETED == counts_of(either, "work")


def test_a_closed_coroutine_was_cancelled(either: Telemetry, counts_of: CountsOf) -> None:
    coroutine = either.task("work")(_coroutine)(lambda: None)
    coroutine.send(None)
    coroutine.close()

    assert {"claimed": 1, "started": 1, "cancelled": 1} == counts_of(either, "work")
    assert either.current() is None


def test_current_is_seen_in_threads_and_tasks_that_copy_the_context(either: Telemetry) -> None:
    @either.task
    async def handler() -> bool:
        async def child() -> Run | None:
            return either.current()

        run = either.current()
        return run is await asyncio.to_thread(either.current) and run is await asyncio.create_task(child())

    assert asyncio.run(handler())


def test_a_child_that_outlives_its_task_may_say_what_it_likes(either: Telemetry, counts_of: CountsOf) -> None:
    async def child(go_on: asyncio.Event) -> None:
        await go_on.wait()
        run = either.current()
        assert run is not None
        run.fail(BoomError())
        run.finish(BoomError())
        run.start().finish()

    @either.task("work")
    async def handler(go_on: asyncio.Event) -> "asyncio.Task[None]":
        return asyncio.create_task(child(go_on))

    async def call() -> None:
        go_on = asyncio.Event()
        background = await handler(go_on)
        go_on.set()
        await background

    asyncio.run(call())

    assert ONE_COMPLETED == counts_of(either, "work")


def test_an_awaitable_that_may_be_more_passes_through_as_it_is(
    either: Telemetry, counts_of: Callable[[Telemetry, str], dict[str, int]]
) -> None:
    request = _CustomAwaitable(lambda: None)

    @either.task("work")
    def get() -> _CustomAwaitable:
        return request

    assert request is get()
    assert {"claimed": 1, "started": 1, "completed": 1} == counts_of(either, "work")
