"""Passes the records of the standard library's logging on to loguru, each once and none in a circle."""

import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from loguru import logger
from typing_extensions import override

from queue_telemetry._runtime import LOGGER, is_guarded, say
from queue_telemetry.logs import pass_on
from queue_telemetry.telemetry._origin import origin_of
from queue_telemetry.telemetry._witness import Witness

if TYPE_CHECKING:
    from loguru import Record

__all__ = ["StdlibBridge"]

_STANDARD: Final = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})
"""What every record has; all else came by `extra=`."""
_LEVELS: Final[Mapping[int, str]] = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
_OWN: Final = LOGGER.name

_passing_on: ContextVar[bool] = ContextVar("queue_telemetry_passing_on", default=False)
"""Whether this code runs because a record was passed on; a coroutine that loguru starts for its sink inherits it."""


class StdlibBridge(logging.Handler):
    """A handler of the root logger, behind all others, that writes to loguru what none of them brought there.

    It has no lock of its own: `dictConfig` waits for handlers' locks while it holds the one that everybody needs who
    asks for a logger, as another handler of loguru's may do inside of this one. It comes and goes without that lock
    for the same reason, and so that no thread of ours waits for it.

    Passed over are the library's own lines and what its threads cause, since those would never end; what a sink of
    loguru's logs, as one that passes records on to the stdlib; what such a sink sent around by a queue; and what another
    handler brings to loguru already, be it the user's or that of another telemetry.

    Attributes:
        removals: How often somebody took it away.
        self_logs: Records passed over that were born while doing telemetry work.
        echoes: Records passed over that a queue's listener brought back from loguru.
        passes_over_own_lines: For the library's own voice, which is not heard by way of this handler.
    """

    passes_over_own_lines = True

    def __init__(self) -> None:
        super().__init__()
        self.removals = 0
        self.self_logs = 0
        self.echoes = 0
        self._faults = 0
        self._wanted = False
        self._witness = Witness()

    @property
    def faults(self) -> int:
        """How many records were not passed on, or not judged, since something raised."""
        return self._faults + self._witness.faults

    def see(self, record: "Record") -> None:
        """Take note of a record of loguru's: all from this handler's level up. Must not raise, but for a time limit."""
        if self._wanted:
            self._witness.see(record)

    def attach(self, level: int) -> None:
        """Be among the root logger's handlers from now on, for records from a level up: those that `see` is told of."""
        self.setLevel(level)
        self._wanted = True
        self._join()

    def restore(self) -> None:
        """Come back when somebody took it away, as `dictConfig` does."""
        if not self._is_missing():
            return
        self._join()
        if not self._wanted:  # it was detached meanwhile
            self.detach()
            return
        self.removals += 1
        say(
            "stdlib_removed",
            "the handler that brings the stdlib's records to loguru was taken away; it is back",
        )

    def detach(self) -> None:
        """Leave the root logger."""
        self._wanted = False
        with suppress(ValueError):  # somebody was faster
            logging.root.handlers.remove(self)

    @override
    def createLock(self) -> None:
        """Have no lock, as the class says."""
        self.lock = None

    @override
    def handle(self, record: logging.LogRecord) -> bool:
        """Take one record. Must not raise, but for a task's time limit."""
        self.emit(record)
        return True

    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Write one record to loguru, unless it is to be passed over. Must not raise, but for a task's time limit."""
        if is_guarded():
            self.self_logs += 1
            return
        if record.name == _OWN or _passing_on.get():
            return
        try:
            if not self._comes_again() and self._is_first(record.levelno):
                self._bring(record)
        except Exception as error:  # noqa: BLE001 - the user's own sinks and patchers run here
            self._faults += 1
            pass_on(error)
            say("stdlib", "a record of the stdlib's logging was not passed on: %s", type(error).__name__)

    def _bring(self, record: logging.LogRecord) -> None:
        origin = origin_of(sys._getframe(), __name__)
        if origin.in_sink or self._witness.knows(record):
            return
        message = _message_of(record)
        if origin.relayed and self._witness.has_heard(record, message):
            self.echoes += 1
            return
        self._witness.hear(message)  # `logger.remove()` may have left nobody who tells
        token = _passing_on.set(True)
        try:
            exception = record.exc_info if record.exc_info and record.exc_info[0] is not None else None
            source = logger.opt(depth=origin.depth, exception=exception).patch(_mover(record))
            source.log(_level_of(record), message)
        finally:
            _passing_on.reset(token)

    def _comes_again(self) -> bool:
        """Go behind the handlers that were added since; tell whether the record in hand comes here again, after them."""
        handlers = logging.root.handlers
        if not self._is_there() or type(handlers[-1]) is StdlibBridge:
            return False
        lock = getattr(logging, "_lock", None)  # `addHandler` holds it; who waits for it may wait for ever
        if lock is None or not lock.acquire(blocking=False):
            return False
        try:
            if logging.root.handlers is not handlers:  # another thread was faster
                return False
            ours = [handler for handler in handlers if type(handler) is StdlibBridge]
            # A new list: to take a handler out of one that another thread goes through has it miss the next.
            logging.root.handlers = [*(one for one in handlers if type(one) is not StdlibBridge), *ours]
            handlers.append(self)  # who goes through the old one comes here again
        finally:
            lock.release()
        return True

    def _join(self) -> None:
        if not self._is_there():
            logging.root.handlers.append(self)

    def _is_missing(self) -> bool:
        return self._wanted and not self._is_there()

    def _is_there(self) -> bool:
        return any(handler is self for handler in logging.root.handlers)

    def _is_first(self, level: int) -> bool:
        """Tell whether no other telemetry's handler gets a record of that level before this one does."""
        for handler in logging.root.handlers:
            if type(handler) is StdlibBridge and level >= handler.level:
                return handler is self
        return True  # taken away in this very moment


def _level_of(record: logging.LogRecord) -> str | int:
    """Return loguru's name of the level where it has one for this number, else the number."""
    name = _LEVELS.get(record.levelno)
    if name is not None:
        return name
    try:
        return record.levelname if logger.level(record.levelname).no == record.levelno else record.levelno
    except ValueError:
        return max(record.levelno, 0)


def _message_of(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # noqa: BLE001 - arguments that do not fit, or whose text cannot be had
        pass_on(error)
        return record.msg if isinstance(record.msg, str) else f"<unprintable {type(record.msg).__name__}>"


def _mover(record: logging.LogRecord) -> Any:
    """Return a patcher that says of loguru's record where the stdlib's came from."""

    def move(target: "Record") -> None:
        target["name"] = record.name
        target["function"] = record.funcName or "<unknown>"
        target["line"] = record.lineno
        target["module"] = record.module
        target["file"].name, target["file"].path = record.filename, record.pathname
        moment = target["time"]
        target["time"] = type(moment).fromtimestamp(record.created, moment.tzinfo)
        if (
            record.thread is not None and record.threadName is not None
        ):  # a queue's listener is another thread
            target["thread"].id, target["thread"].name = record.thread, record.threadName
        extra = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.stack_info:
            extra["stack_info"] = record.stack_info
        target["extra"].update(extra)

    return move
