"""Reads off the call stack how a record of the stdlib's logging came to where it is."""

import logging
from dataclasses import dataclass
from types import FrameType
from typing import Final

__all__ = ["Origin", "origin_of", "record_in_hand"]

_SINKS: Final = frozenset({"loguru._simple_sinks", "loguru._file_sink"})


@dataclass(frozen=True, slots=True)
class Origin:
    """How a record came.

    Attributes:
        depth: How many frames above the handler's the logger was called.
        in_sink: Whether one of loguru's sinks logged it.
        relayed: Whether it was not logged here and now, or by a queue's listener.
    """

    depth: int
    in_sink: bool
    relayed: bool


def origin_of(frame: FrameType, own: str) -> Origin:
    """Return how the record came that the handler in *frame* has got; *own* is the module of the handler."""
    depth = caller = 0
    in_sink = called = listens = False
    above = frame.f_back
    while above is not None:
        depth += 1
        module, function = above.f_globals.get("__name__"), above.f_code.co_name
        if not caller and module not in {"logging", own}:
            caller = depth
        if module in _SINKS:
            in_sink = True
        elif module == "logging":
            called = called or function == "_log"
        elif module == "logging.handlers":
            listens = listens or function == "_monitor"
        above = above.f_back
    return Origin(caller, in_sink, listens or not called)


def record_in_hand(frame: FrameType) -> logging.LogRecord | None:
    """Return the record that the stdlib is giving to its handlers above *frame*, the innermost; None without any."""
    above = frame.f_back
    while above is not None:
        if above.f_code.co_name == "callHandlers" and above.f_globals.get("__name__") == "logging":
            record: logging.LogRecord = above.f_locals["record"]
            return record
        above = above.f_back
    return None
