"""The short way of a decorated handler, taken when nothing but marks and samples is asked for.

A call takes it when the process is awake, no lifecycle record is wanted, and neither a run nor a claim is around it;
every other call goes the general way. What the order of these few lines keeps exact, whatever the threads and whatever
exception a signal handler raises at whatever byte code: the interpreter looks for signals only after calls, so each mark
is one C call with nothing between it and the line it belongs to; `uncompleted` and `completed` are marked before the
clock is read; and the context is restored in a `finally`, where the reset is the first call.

`tracked_way` is the same for handlers that tell their task's id or headers. They are apart, and each wrapper is spelled
out, because a name that a closure holds costs at every call, used or not.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from queue_telemetry.tasks.awaitables import is_awaitable
from queue_telemetry.tasks.context import Frame, current_context, run_of_frame

if TYPE_CHECKING:
    from queue_telemetry.tasks.handler import Handler

__all__ = ["returned", "short_coroutine", "short_function"]

_MAX_PLAIN_TYPES: Final = 64


def short_function(
    handler: "Handler", function: Callable[..., Any], general: Callable[..., Any]
) -> Callable[..., Any]:
    """Return the wrapper of a plain function."""
    get, set_, reset = current_context.get, current_context.set, current_context.reset
    gate, clock = handler.tracker.gate, handler.tracker.clock.monotonic
    series = handler.series
    started, completed = series.started.marks.left, series.completed.marks.left
    uncompleted, append = series.uncompleted.left, series.duration.append

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if get() is not None or not gate.quiet:
            return general(*args, **kwargs)
        token: Any = None
        began_s = clock()
        frame: Frame = [handler, began_s, None, None, None, False]
        try:
            next(started)
            token = set_(frame)
            result = function(*args, **kwargs)
            if frame[2] is not None or (result is not None and type(result) not in handler.plain_types):
                return returned(frame, result)
        except BaseException as error:
            if frame[2] is None or not frame[2]._ended:
                next(uncompleted)
                run_of_frame(frame)._end(error, marked=True)
            raise
        else:
            next(completed)
            append(clock() - began_s)
            return result
        finally:
            frame[5] = True
            try:
                reset(token)
            except TypeError:  # None: an exception came between the two halves of the line that sets it
                set_(None)

    return wrapper


def short_coroutine(
    handler: "Handler", function: Callable[..., Any], general: Callable[..., Any]
) -> Callable[..., Any]:
    """Return the wrapper of a coroutine function; the context is restored by value where it ends in another one."""
    get, set_, reset = current_context.get, current_context.set, current_context.reset
    gate, clock = handler.tracker.gate, handler.tracker.clock.monotonic
    series = handler.series
    started, completed = series.started.marks.left, series.completed.marks.left
    uncompleted, append = series.uncompleted.left, series.duration.append

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        if get() is not None or not gate.quiet:
            return await general(*args, **kwargs)
        token: Any = None
        began_s = clock()
        frame: Frame = [handler, began_s, None, None, None, False]
        try:
            next(started)
            token = set_(frame)
            result = await function(*args, **kwargs)
            if frame[2] is not None:
                frame[2]._end(None)
                return result
        except BaseException as error:
            if frame[2] is None or not frame[2]._ended:
                next(uncompleted)
                run_of_frame(frame)._end(error, marked=True)
            raise
        else:
            next(completed)
            append(clock() - began_s)
            return result
        finally:
            frame[5] = True
            try:
                reset(token)
            except (TypeError, ValueError):  # as above, or it ends in another context than it began in
                if get() is frame:
                    set_(None)

    return wrapper


def returned(frame: Frame, result: Any) -> Any:
    """End a call whose run somebody asked for, or that returned what may have to be awaited."""
    handler = frame[0]
    if not is_awaitable(result) and len(handler.plain_types) < _MAX_PLAIN_TYPES:
        handler.plain_types.add(type(result))
    return handler.returned(run_of_frame(frame), result)
