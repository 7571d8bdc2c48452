"""What kind of callable the user decorates, and how to watch one call of it whatever its kind."""

import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from enum import Enum, auto
from typing import Any, Generic, TypeVar, cast

__all__ = ["CallableKind", "Watch", "kind_of", "watched"]

F = TypeVar("F", bound=Callable[..., object])
S = TypeVar("S")
Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class CallableKind(Enum):
    """How a callable runs."""

    FUNCTION = auto()
    COROUTINE = auto()
    GENERATOR = auto()
    ASYNC_GENERATOR = auto()


def kind_of(function: Callable[..., object]) -> CallableKind:
    """Tell how a callable runs: functions, partials, bound methods and objects with `__call__`."""
    while isinstance(function, functools.partial):
        function = function.func
    for candidate in (function, getattr(type(function), "__call__", None)):  # noqa: B004 - it may be async
        if inspect.isasyncgenfunction(candidate):
            return CallableKind.ASYNC_GENERATOR
        if inspect.iscoroutinefunction(candidate):
            return CallableKind.COROUTINE
        if inspect.isgeneratorfunction(candidate) and not _is_awaited(candidate):
            return CallableKind.GENERATOR
    return CallableKind.FUNCTION


def _is_awaited(generator_function: Callable[..., object]) -> bool:
    """Tell whether `types.coroutine` made it: a wrapper that is a generator of its own could not be awaited."""
    code = getattr(generator_function, "__code__", None)
    return code is not None and bool(code.co_flags & inspect.CO_ITERABLE_COROUTINE)


class Watch(Generic[S]):
    """What to do around one call. No method may raise.

    The order is `begin`, then `resume` and `suspend` around every stretch in which the callable's own code runs (one for
    a function or a coroutine, one a step for generators), then `end` or, for plain functions, `returned`.
    """

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Arguments, S]:
        """Return the arguments to call with, and a state that the other methods get."""
        raise NotImplementedError

    def resume(self, state: S) -> None:
        """The callable's code is about to run."""

    def suspend(self, state: S) -> None:
        """The callable's code has stopped running, for now or for good."""

    def end(self, state: S, error: BaseException | None) -> None:
        """The call is over; *error* left it, or None."""

    def returned(self, state: S, result: Any) -> Any:
        """A plain function returned; what this returns goes to its caller."""
        self.end(state, None)
        return result


def watched(function: F, watch: Watch[Any]) -> F:
    """Return a callable of the same kind and signature as *function*, with `watch` around each call.

    Results, exceptions and tracebacks pass through untouched. A generator is watched from its first step to its end, and
    not at all when it is never stepped; closing it early counts as an end without error.
    """
    wrapper = _WRAPPERS[kind_of(function)](function, watch)
    return cast("F", functools.wraps(function)(wrapper))


def _watched_function(function: Callable[..., Any], watch: Watch[Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        (args, kwargs), state = watch.begin(args, kwargs)
        try:
            watch.resume(state)
            result = function(*args, **kwargs)
        except BaseException as error:
            watch.end(state, error)
            raise
        else:
            return watch.returned(state, result)
        finally:
            watch.suspend(state)

    return wrapper


def _watched_coroutine(function: Callable[..., Any], watch: Watch[Any]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        (args, kwargs), state = watch.begin(args, kwargs)
        try:
            watch.resume(state)
            result = await function(*args, **kwargs)
        except BaseException as error:
            watch.end(state, error)
            raise
        else:
            watch.end(state, None)
            return result
        finally:
            watch.suspend(state)

    return wrapper


def _watched_generator(function: Callable[..., Any], watch: Watch[Any]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        (args, kwargs), state = watch.begin(args, kwargs)
        try:
            steps = function(*args, **kwargs)
            step, argument = steps.send, None
            while True:
                value = _step(watch, state, step, argument)
                argument = None
                try:
                    argument = yield value
                    step = steps.send
                except GeneratorExit:
                    _step(watch, state, steps.close)
                    raise
                except BaseException as thrown:  # noqa: BLE001 - it is the generator's own to answer
                    step, argument = steps.throw, thrown
        except StopIteration as stop:
            watch.end(state, None)
            return stop.value
        except BaseException as error:
            watch.end(state, None if isinstance(error, GeneratorExit) else error)
            raise

    return wrapper


def _step(watch: Watch[Any], state: Any, step: Callable[..., Any], *argument: Any) -> Any:
    watch.resume(state)
    try:
        return step(*argument)
    finally:
        watch.suspend(state)


def _watched_async_generator(function: Callable[..., Any], watch: Watch[Any]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        (args, kwargs), state = watch.begin(args, kwargs)
        try:
            steps = function(*args, **kwargs)
            step, argument = functools.partial(_first_step, steps), None
            while True:
                value = await _async_step(watch, state, step, argument)
                argument = None
                try:
                    argument = yield value
                    step = steps.asend
                except GeneratorExit:
                    await _async_step(watch, state, steps.aclose)
                    raise
                except BaseException as thrown:  # noqa: BLE001 - it is the generator's own to answer
                    step, argument = steps.athrow, thrown
        except StopAsyncIteration:
            watch.end(state, None)
        except BaseException as error:
            watch.end(state, None if isinstance(error, GeneratorExit) else error)
            raise

    return wrapper


def _first_step(steps: AsyncGenerator[Any, Any], argument: None) -> Awaitable[Any]:
    """Begin *steps* unknown to the event loop, which would close it beside its wrapper, both at once."""
    hooks = sys.get_asyncgen_hooks()
    try:
        sys.set_asyncgen_hooks(None, None)
        return steps.asend(argument)
    finally:
        sys.set_asyncgen_hooks(*hooks)


async def _async_step(watch: Watch[Any], state: Any, step: Callable[..., Any], *argument: Any) -> Any:
    watch.resume(state)
    try:
        return await step(*argument)
    finally:
        watch.suspend(state)


_WRAPPERS: dict[CallableKind, Callable[[Callable[..., Any], Watch[Any]], Callable[..., Any]]] = {
    CallableKind.FUNCTION: _watched_function,
    CallableKind.COROUTINE: _watched_coroutine,
    CallableKind.GENERATOR: _watched_generator,
    CallableKind.ASYNC_GENERATOR: _watched_async_generator,
}
