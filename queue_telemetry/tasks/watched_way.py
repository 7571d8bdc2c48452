"""The way of a handler while runs that take long are told of: as `tracked_way`, and the watch knows each call's frame.

A Run is made for those alone that do take long. Apart from the others for the same reason as they are from one another.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from queue_telemetry.tasks.context import Frame, current_context, run_of_frame
from queue_telemetry.tasks.headers import ENQUEUED_AT, NOT_BEFORE
from queue_telemetry.tasks.short_way import returned
from queue_telemetry.tasks.tracked_way import parameter_place

if TYPE_CHECKING:
    from queue_telemetry.tasks.handler import Handler

__all__ = ["watched_coroutine", "watched_function"]


def watched_function(
    handler: "Handler", function: Callable[..., Any], general: Callable[..., Any]
) -> Callable[..., Any]:
    """Return the wrapper of a plain function."""
    get, set_, reset = current_context.get, current_context.set, current_context.reset
    gate, clock = handler.tracker.gate, handler.tracker.clock.monotonic
    series, live = handler.series, handler.series.live
    started, completed = series.started.marks.left, series.completed.marks.left
    uncompleted, append = series.uncompleted.left, series.duration.append
    stamped, keep_stamp, stamp = series.stamped.left, series.stamps.append, series.stamp
    frames, scope = handler.tracker.watch.frames, handler.tracker.workers.scope
    (id_at, id_name), (headers_at, headers_name) = (
        parameter_place(handler.task_id),
        parameter_place(handler.headers),
    )

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if get() is not None or gate.asleep or not gate.watching:
            return general(*args, **kwargs)
        task_id = args[id_at] if len(args) > id_at else kwargs.get(id_name)
        headers = args[headers_at] if len(args) > headers_at else kwargs.get(headers_name)
        token: Any = None
        began_s = clock()
        frame: Frame = [handler, began_s, None, task_id, headers, False]
        key = id(frame)
        try:
            live[key] = began_s
            frames[key] = (frame, scope())
            next(started)
            token = set_(frame)
            if type(headers) is dict:
                next(stamped)
                keep_stamp((began_s, headers.get(ENQUEUED_AT), headers.get(NOT_BEFORE)))
            elif headers is not None:
                stamp(began_s, headers)
            result = function(*args, **kwargs)
            if frame[2] is not None or (result is not None and type(result) not in handler.plain_types):
                return _returned(frame, result)
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
            live.pop(key, None)
            frames.pop(key, None)
            try:
                reset(token)
            except TypeError:  # None: an exception came between the two halves of the line that sets it
                set_(None)

    return wrapper


def watched_coroutine(  # noqa: C901 - one straight way
    handler: "Handler", function: Callable[..., Any], general: Callable[..., Any]
) -> Callable[..., Any]:
    """Return the wrapper of a coroutine function; the context is restored by value where it ends in another one."""
    get, set_, reset = current_context.get, current_context.set, current_context.reset
    gate, clock = handler.tracker.gate, handler.tracker.clock.monotonic
    series, live = handler.series, handler.series.live
    started, completed = series.started.marks.left, series.completed.marks.left
    uncompleted, append = series.uncompleted.left, series.duration.append
    stamped, keep_stamp, stamp = series.stamped.left, series.stamps.append, series.stamp
    frames, scope = handler.tracker.watch.frames, handler.tracker.workers.scope
    (id_at, id_name), (headers_at, headers_name) = (
        parameter_place(handler.task_id),
        parameter_place(handler.headers),
    )

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        if get() is not None or gate.asleep or not gate.watching:
            return await general(*args, **kwargs)
        task_id = args[id_at] if len(args) > id_at else kwargs.get(id_name)
        headers = args[headers_at] if len(args) > headers_at else kwargs.get(headers_name)
        token: Any = None
        began_s = clock()
        frame: Frame = [handler, began_s, None, task_id, headers, False]
        key = id(frame)
        try:
            live[key] = began_s
            frames[key] = (frame, scope())
            next(started)
            token = set_(frame)
            if type(headers) is dict:
                next(stamped)
                keep_stamp((began_s, headers.get(ENQUEUED_AT), headers.get(NOT_BEFORE)))
            elif headers is not None:
                stamp(began_s, headers)
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
            live.pop(key, None)
            frames.pop(key, None)
            try:
                reset(token)
            except (TypeError, ValueError):  # as above, or it ends in another context than it began in
                if get() is frame:
                    set_(None)

    return wrapper


def _returned(frame: Frame, result: Any) -> Any:
    """End a call as `returned` does; one that goes on, until what it returned is awaited, is watched on."""
    result = returned(frame, result)
    run = run_of_frame(frame)
    if not run._ended:
        frame[0].tracker.watch.begin(run, frame[1])
    return result
