"""Describe an exception of a log record as flat JSON fields. Pure: no clock, no socket, no state."""

import traceback
from types import TracebackType
from typing import Final

from queue_telemetry.metrics.errors import fingerprint

__all__ = ["cut_middle", "error_fields", "stack_of"]

_STACK_BYTES: Final = 32 * 1024  # a few hundred frames; more is recursion, of which both ends tell enough
_MESSAGE_BYTES: Final = 8 * 1024


def error_fields(
    kind: type[BaseException] | None, value: BaseException | None, stack: str
) -> dict[str, object] | None:
    """Return the fields of one exception, or None when there is none (`logger.exception()` outside an `except`).

    Args:
        kind: The exception's class.
        value: The exception; None leaves message and fingerprint out.
        stack: Its traceback as text, causes included, without variables' values.

    Returns:
        `type` (qualified as tracebacks show it), `message`, `fingerprint` and `stack`.
    """
    if kind is None:
        return None
    module = kind.__module__
    name = kind.__qualname__
    fields: dict[str, object] = {"type": name if module in {"builtins", "__main__"} else f"{module}.{name}"}
    if value is not None:
        fields["message"] = cut_middle(_message_of(value), _MESSAGE_BYTES)
        fields["fingerprint"] = fingerprint(value)
    fields["stack"] = cut_middle(stack.strip("\n"), _STACK_BYTES)
    return fields


def stack_of(
    kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
) -> str:
    """Format a traceback with its causes, for records where loguru's own text of it is not at hand."""
    return "".join(traceback.format_exception(kind, value, trace))


def cut_middle(text: str, max_bytes: int) -> str:
    """Return *text* with its middle cut so that it takes at most *max_bytes* of UTF-8.

    The cut is marked with the number of characters it took.
    """
    if len(text) * 4 <= max_bytes:
        return text
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= max_bytes:
        return text
    half = max(max_bytes - 64, 0) // 2  # 64: room for the mark
    head = encoded[:half].decode("utf-8", "ignore")
    tail = encoded[len(encoded) - half :].decode("utf-8", "ignore")
    return f"{head}… [{len(text) - len(head) - len(tail)} characters cut] …{tail}"


def _message_of(value: BaseException) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a user's __str__
        return f"<unprintable {type(value).__name__}>"
