"""Describe an exception of a log record as flat JSON fields. Pure: no clock, no socket, no state."""

from collections.abc import Callable
from types import TracebackType
from typing import Final

from queue_telemetry.logs._stack import class_name, message_of, stack_of
from queue_telemetry.logs._text import cut_middle
from queue_telemetry.metrics.errors import fingerprint

__all__ = ["error_fields"]

_MESSAGE_BYTES: Final = 8 * 1024
_STACK_BYTES: Final = 32 * 1024  # a few hundred frames


def error_fields(
    kind: type[BaseException] | None,
    value: BaseException | None,
    trace: TracebackType | None,
    scrub: Callable[[str], str],
) -> dict[str, object] | None:
    """Return the fields of one exception, or None when there is none (`logger.exception()` outside an `except`).

    Must not raise, but for a task's time limit.

    Args:
        kind: The exception's class.
        value: The exception; None leaves message and fingerprint out.
        trace: Its traceback; None has no frames.
        scrub: Takes secrets out of a text. Must not raise.

    Returns:
        `type` (qualified as tracebacks show it), `message`, `fingerprint` and `stack`: its causes and notes and a
        group's leaves included, without variables' values.
    """
    if kind is None:
        return None
    fields: dict[str, object] = {"type": class_name(kind)}
    message = None
    if value is not None:
        message = message_of(value, scrub)
        fields["message"] = cut_middle(message, _MESSAGE_BYTES)
        fields["fingerprint"] = fingerprint(value)
    fields["stack"] = cut_middle(stack_of(value, trace, scrub, message), _STACK_BYTES)
    return fields
