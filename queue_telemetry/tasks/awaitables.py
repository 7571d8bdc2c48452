"""What a plain function returned to be awaited: its call goes on until that ends."""

import asyncio
from collections.abc import Awaitable
from types import CoroutineType
from typing import Any, TypeVar

from queue_telemetry._runtime.callables import Watch

__all__ = ["end_when_awaited", "is_awaitable"]

S = TypeVar("S")


def is_awaitable(result: object) -> bool:
    """Tell whether *result* is a coroutine or a future, whose end can be seen.

    Any other awaitable may be more than that, as a client's request is that also stands in `async with`: it goes to the
    caller as it is, and its call is over.
    """
    return isinstance(result, CoroutineType | asyncio.Future)


def end_when_awaited(watch: Watch[S], state: S, awaitable: Awaitable[Any]) -> Awaitable[Any]:
    """Return what the caller gets instead of *awaitable*: to await it ends the watched call. A future stays itself."""
    if isinstance(awaitable, asyncio.Future):
        if awaitable.done():
            _end_with_future(watch, state, awaitable)
        else:
            awaitable.add_done_callback(lambda future: _end_with_future(watch, state, future))
        return awaitable
    waiting = _wait(watch, state, awaitable)
    _borrow_name(waiting, awaitable)
    return waiting


async def _wait(watch: Watch[S], state: S, awaitable: Awaitable[Any]) -> Any:
    try:
        watch.resume(state)
        result = await awaitable
    except BaseException as error:
        watch.end(state, error)
        raise
    else:
        watch.end(state, None)
        return result
    finally:
        watch.suspend(state)


def _borrow_name(waiting: Any, awaitable: Any) -> None:
    """Have Python's own warning name the user's coroutine when nobody awaits it."""
    waiting.__name__, waiting.__qualname__ = awaitable.__name__, awaitable.__qualname__


def _end_with_future(watch: Watch[S], state: S, future: "asyncio.Future[Any]") -> None:
    if future.cancelled():
        watch.end(state, asyncio.CancelledError())
    else:
        watch.end(
            state, future._exception
        )  # `exception()` would silence asyncio's word on one that nobody asked for
