"""Which run this code belongs to: one context variable, which a wrapper sets and restores by value."""

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from queue_telemetry.tasks.run import Run

__all__ = [
    "FRAME_RUN",
    "Context",
    "Frame",
    "current_context",
    "current_run",
    "enclosing_run",
    "end_frame_of_parent",
    "is_within",
    "run_of_context",
    "run_of_frame",
]

Frame = list[Any]
"""What the short way of a wrapper leaves instead of a Run: [handler, began in monotonic seconds, the Run once somebody
asked for it, task id or None, headers or None, whether the call is over], and behind them each Run that was made for it.
A list costs a tenth of an object."""

FRAME_RUN: Final = 2
_OVER: Final = 5
_FIRST_MADE: Final = 6

Context = Any
"""What the context variable holds: a Frame, a Run, a Claim, a Taken or None. All but a Frame know their `outer`, the
run around them."""

current_context: ContextVar[Any] = ContextVar("queue_telemetry_context", default=None)


def current_run() -> "Run | None":
    """Return the run that this code belongs to, None outside a task."""
    return run_of_context(current_context.get())


def run_of_context(context: Any) -> "Run | None":
    """Return the innermost run of a context, None when it has none."""
    while context is not None:
        if type(context) is list:
            return run_of_frame(context)
        if not context.is_claim:
            return context  # type: ignore[no-any-return]
        context = context.outer
    return None


def enclosing_run(context: Context) -> Context:
    """Return the innermost run in flight of a context, a Run or a Frame, None when it has none.

    Callbacks and asyncio's tasks copy the context that they are made in, so it may tell of a run that has ended since.
    What begins there is inside nothing, and to hold the run would keep a task that schedules its own next run for ever.
    """
    while context is not None:
        if type(context) is list:
            run = context[FRAME_RUN]
            ended = context[_OVER] and (run is None or run._ended)  # one that returned an awaitable goes on
            return None if ended else context
        if not context.is_claim:
            return None if context._ended else context
        context = context.outer
    return None


def end_frame_of_parent() -> None:
    """In a forked child: the short way around the fork, when there is one, returns here too. Its end is the parent's."""
    context = current_context.get()
    while context is not None and type(context) is not list:
        context = context.outer
    if context is not None:
        run_of_frame(context)._ended = True


def is_within(context: Context, scope: object) -> bool:
    """Tell whether a context is *scope* or stands somewhere inside it."""
    while context is not None and type(context) is not list:
        if context is scope:
            return True
        context = context.outer
    return False


def run_of_frame(frame: Frame) -> "Run":
    """Return the Run of a short way's frame, made when it is first asked for."""
    if frame[FRAME_RUN] is None:
        made = frame[0].run_of_frame(frame)
        made._ended = frame[_OVER]
        frame.append(made)
        # two threads of one task may both have made one: the first counts
        frame[FRAME_RUN] = frame[_FIRST_MADE]
    return frame[FRAME_RUN]  # type: ignore[no-any-return]
