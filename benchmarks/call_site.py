"""A call site of its own for each case: code that is shared between cases shares what the interpreter learned there."""

from collections.abc import Callable
from contextvars import Context
from itertools import repeat
from types import FunctionType
from typing import Any

__all__ = ["coroutine_calls", "function_calls"]


def function_calls(function: Callable[..., Any], *arguments: object) -> Callable[[int], None]:
    """Return what calls a function, in a context of its own as the thread of a worker has.

    Args:
        function: What to call.
        arguments: None at all, or a run's id and its headers; the headers are passed by name.
    """

    def bare(calls: int) -> None:
        for _ in repeat(None, calls):
            function()

    def tracked(calls: int) -> None:
        run_id, headers = arguments
        for _ in repeat(None, calls):
            function(run_id, headers=headers)

    site = _own_code(tracked if arguments else bare)
    return lambda calls: Context().run(site, calls)


def coroutine_calls(function: Callable[..., Any], *arguments: object) -> Callable[[int], None]:
    """Return the same for a coroutine function, driven by hand: an event loop has its own price."""

    async def bare(calls: int) -> None:
        for _ in repeat(None, calls):
            await function()

    async def tracked(calls: int) -> None:
        run_id, headers = arguments
        for _ in repeat(None, calls):
            await function(run_id, headers=headers)

    site = _own_code(tracked if arguments else bare)
    return lambda calls: Context().run(_drive, site(calls))


def _own_code(function: Callable[..., Any]) -> Callable[..., Any]:
    assert isinstance(function, FunctionType)
    return FunctionType(function.__code__.replace(), function.__globals__, closure=function.__closure__)


def _drive(coroutine: Any) -> None:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise RuntimeError("it waited")
