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
    "is_within",
    "run_of_context",
    "run_of_frame",
]

Frame = list[Any]
"""What the short way of a wrapper leaves instead of a Run: [handler, began in monotonic seconds, the Run once somebody
asked for it, task id or None, headers or None], and behind them each Run that was made for it. A list costs a tenth of
an object."""

FRAME_RUN: Final = 2
_FIRST_MADE: Final = 5

Context = Any
"""What the context variable holds: a Frame, a Run, a Claim, a Taken or None. All but a Frame know their `outer`."""

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
        frame.append(frame[0].run_of_frame(frame))
        frame[FRAME_RUN] = frame[
            _FIRST_MADE
        ]  # two threads of one task may both have made one: the first counts
    return frame[FRAME_RUN]  # type: ignore[no-any-return]
