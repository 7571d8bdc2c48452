"""The short way of a decorated handler, taken when nothing but marks and samples is asked for.

A call takes it when the process is awake, no lifecycle record is wanted, and neither a run nor a claim is around it;
every other call goes the general way. What the order of these few lines keeps exact, whatever the threads and whatever
exception a signal handler raises at whatever byte code: the interpreter looks for signals only after calls, so each mark
is one C call with nothing between it and the line it belongs to; `uncompleted` and `completed` are marked before the
clock is read; and the context is restored in a `finally`.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from queue_telemetry.tasks.awaitables import is_awaitable
from queue_telemetry.tasks.context import Frame, current_context, run_of_frame
from queue_telemetry.tasks.definition import Parameter

if TYPE_CHECKING:
    from queue_telemetry.tasks.handler import Handler
    from queue_telemetry.tasks.run import Run

__all__ = ["short_coroutine", "short_function"]

_MAX_PLAIN_TYPES: Final = 64
_NOWHERE: Final = sys.maxsize


def short_function(  # noqa: C901 - one straight way; each step is there for exactness or is skipped
    handler: "Handler", function: Callable[..., Any], general: Callable[..., Any]
) -> Callable[..., Any]:
    """Return the wrapper of a plain function."""
    get, set_, reset = current_context.get, current_context.set, current_context.reset
    gate, clock = handler.tracker.gate, handler.tracker.clock.monotonic
    series, live, stamp = handler.series, handler.series.live, handler.series.stamp
    started, completed, uncompleted = (
        series.started.marks.mark,
        series.completed.marks.mark,
        series.uncompleted.mark,
    )
    append = series.duration.append
    tracked = handler.task_id is not None or handler.headers is not None
    (id_at, id_name), (headers_at, headers_name) = _place(handler.task_id), _place(handler.headers)
    plain_types: set[type] = {type(None), bool, int, float, str, bytes, list, dict, tuple}

    def wrapper(*args: Any, **kwargs: Any) -> Any:  # noqa: C901 - the same
        if get() is not None or not gate.quiet:
            return general(*args, **kwargs)
        token = key = task_id = headers = None
        if tracked:
            task_id = args[id_at] if len(args) > id_at else kwargs.get(id_name)
            headers = args[headers_at] if len(args) > headers_at else kwargs.get(headers_name)
        began_s = clock()
        made: list[Run] = []
        frame = (handler, began_s, made, task_id, headers)
        try:
            key = started()
            if tracked:
                live[key] = began_s
            token = set_(frame)
            if headers is not None:
                stamp(began_s, headers)
            result = function(*args, **kwargs)
            if made or type(result) not in plain_types:
                return _returned(frame, result, plain_types)
        except BaseException as error:
            if not made or not made[0]._ended:
                uncompleted()
                run_of_frame(frame)._end(error, marked=True)
            raise
        else:
            completed()
            append(clock() - began_s)
            return result
        finally:
            if tracked and key is not None:
                del live[key]
            if token is None:  # an exception came between the two halves of the line that sets it
                set_(None)
            else:
                reset(token)

    return wrapper


def short_coroutine(  # noqa: C901 - one straight way; each step is there for exactness or is skipped
    handler: "Handler", function: Callable[..., Any], general: Callable[..., Any]
) -> Callable[..., Any]:
    """Return the wrapper of a coroutine function; the context is restored by value, for it may be closed in another."""
    get, set_ = current_context.get, current_context.set
    gate, clock = handler.tracker.gate, handler.tracker.clock.monotonic
    series, live, stamp = handler.series, handler.series.live, handler.series.stamp
    started, completed, uncompleted = (
        series.started.marks.mark,
        series.completed.marks.mark,
        series.uncompleted.mark,
    )
    append = series.duration.append
    tracked = handler.task_id is not None or handler.headers is not None
    (id_at, id_name), (headers_at, headers_name) = _place(handler.task_id), _place(handler.headers)

    async def wrapper(*args: Any, **kwargs: Any) -> Any:  # noqa: C901 - the same
        if get() is not None or not gate.quiet:
            return await general(*args, **kwargs)
        key = task_id = headers = None
        if tracked:
            task_id = args[id_at] if len(args) > id_at else kwargs.get(id_name)
            headers = args[headers_at] if len(args) > headers_at else kwargs.get(headers_name)
        began_s = clock()
        made: list[Run] = []
        frame = (handler, began_s, made, task_id, headers)
        try:
            key = started()
            if tracked:
                live[key] = began_s
            set_(frame)
            if headers is not None:
                stamp(began_s, headers)
            result = await function(*args, **kwargs)
            if made:
                made[0]._end(None)
                return result
        except BaseException as error:
            if not made or not made[0]._ended:
                uncompleted()
                run_of_frame(frame)._end(error, marked=True)
            raise
        else:
            completed()
            append(clock() - began_s)
            return result
        finally:
            if tracked and key is not None:
                del live[key]
            if get() is frame:
                set_(None)

    return wrapper


def _place(reader: object) -> tuple[int, str]:
    """Return at which index of the positional arguments a parameter stands, and its name."""
    if not isinstance(reader, Parameter):
        return _NOWHERE, ""
    return _NOWHERE if reader.position is None else reader.position, reader.name


def _returned(frame: Frame, result: Any, plain_types: set[type]) -> Any:
    """End a call whose run somebody asked for, or that returned what may have to be awaited."""
    if not is_awaitable(result) and len(plain_types) < _MAX_PLAIN_TYPES:
        plain_types.add(type(result))
    return frame[0].returned(run_of_frame(frame), result)
