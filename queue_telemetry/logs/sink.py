"""The loguru sink: turns each record into one JSON line in the buffer, on the caller's thread."""

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, cast

from queue_telemetry._runtime import is_guarded, say
from queue_telemetry.logs._encoder import encode
from queue_telemetry.logs._record import RecordBuilder
from queue_telemetry.logs._time_limit import is_time_limit, pass_on
from queue_telemetry.logs.buffer import RecordBuffer

if TYPE_CHECKING:
    import loguru

__all__ = ["LogSink"]

_SEVERE: Final = 40  # loguru's ERROR; such records are the last to go when the memory is full


class LogSink:
    """Takes loguru's records: guard, filter, flatten, redact, encode, append. No I/O, and nothing of its own is raised.

    It works in the filter of its handler, which lets no record through. There loguru has formatted nothing yet: its
    traceback, which an exception's own code can make raise, would cost the record. And there it holds no lock, so
    that threads do not wait for one another, nor a fork for a record, and a signal handler's record is not refused.

    The drain method is elsewhere on purpose: loguru calls a sink's `flush` after every record.

    Args:
        builder: Makes the flat record.
        buffer: Where lines go; may be replaced at any time, as after a fork.
        accepts: Whether to ship a record of loguru's; None ships all.

    Attributes:
        buffer: The present destination.
        removed: Whether `logger.remove()` took this sink out since it was attached.
        on_removed: Called when it did, under loguru's lock. Must not block or raise.
        self_logs: Records that were born while doing telemetry work, and not shipped.
        faults: Records that could only be shipped in their essential fields, or not at all, since something raised.
    """

    def __init__(
        self,
        builder: RecordBuilder,
        buffer: RecordBuffer,
        accepts: "Callable[[loguru.Record], bool] | None" = None,
    ) -> None:
        self.buffer = buffer
        self.removed = False
        self.on_removed: Callable[[], None] = _nothing
        self.self_logs = 0
        self.faults = 0
        self._builder = builder
        self._accepts = accepts

    def attach(self, logger: "loguru.Logger", level: str | int) -> int:
        """Add this sink to *logger* and return the handler's id."""
        self.removed = False
        return logger.add(
            self,
            level=level,
            filter=self.take,
            format="",
            colorize=False,
            backtrace=False,
            diagnose=False,
            catch=cast("bool", _Caught(self)),  # asked when something was raised
        )

    def take(self, record: "loguru.Record") -> bool:
        """Take one record; always False, so that loguru goes on to the next handler. Must not block.

        Raises:
            Exception: The task's time limit, which a signal handler raised meanwhile; the record is taken first.
        """
        if is_guarded():
            self.self_logs += 1
            return False
        try:
            if self._accepts is not None and not self._accepts(record):
                return False
            line = encode(self._builder.build(record))
            severe = record["level"].no >= _SEVERE
        except Exception as error:  # noqa: BLE001 - the edge to the user's patchers, context and objects
            self.faults += 1
            self._append(encode(self._builder.salvage(record, error)), _is_severe(record))
            pass_on(error)
            return False
        try:  # as `_append`, which would cost a call
            self.buffer.append(line, severe)
        except Exception as error:  # noqa: BLE001 - as there
            self._note_lost(error)
        return False

    def write(self, message: "loguru.Message") -> None:
        """Take a record that came past the filter: that of a handler that somebody added with this as its sink."""
        self.take(message.record)

    def _append(self, line: bytes, severe: bool) -> None:  # noqa: FBT001 - as the buffer's
        try:
            self.buffer.append(line, severe)
        except Exception as error:  # noqa: BLE001 - the edge to a user's format, whose limits the buffer reckons with
            self._note_lost(error)

    def _note_lost(self, error: Exception) -> None:
        """Go on without a record: loguru would print it, with its secrets."""
        self.faults += 1
        pass_on(error)
        say(
            "sink",
            "a record could not be kept for the collector: %s",
            type(error).__name__,
            level=logging.ERROR,
        )

    def stop(self) -> None:
        """Note that loguru let go of this sink. Called by `logger.remove()`."""
        self.removed = True
        self.on_removed()


def _nothing() -> None:
    pass


class _Caught:
    """Says to loguru, when asked as a bool, whether to catch what was raised: all but a task's time limit.

    Beside that one only loguru itself raises, before it calls the sink: for a level that a patcher took out, say.
    """

    def __init__(self, sink: LogSink) -> None:
        self._sink = sink

    def __bool__(self) -> bool:
        error = sys.exc_info()[1]
        if error is not None and is_time_limit(error):
            return False
        self._sink.faults += error is not None
        return True


def _is_severe(record: "loguru.Record") -> bool:
    """Tell the same of a record whose level a patcher may have taken out or made text."""
    number = getattr({**record}.get("level"), "no", 0)
    return isinstance(number, int) and number >= _SEVERE
