"""The loguru sink: turns each record into one JSON line in the buffer, on the caller's thread."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from queue_telemetry._runtime import is_guarded
from queue_telemetry.logs._encoder import encode
from queue_telemetry.logs._record import RecordBuilder
from queue_telemetry.logs.buffer import RecordBuffer

if TYPE_CHECKING:
    import loguru

__all__ = ["LogSink"]


class LogSink:
    """Takes loguru's records: guard, filter, flatten, redact, encode, append. No I/O, and it must not raise.

    Loguru calls it under the handler's own lock, also from a signal handler's point of view never twice at a time.
    The drain method is elsewhere on purpose: loguru calls a sink's `flush` after every record.

    Args:
        builder: Makes the flat record.
        buffer: Where lines go; may be replaced at any time, as after a fork.
        accepts: Whether to ship a record of loguru's; None ships all.

    Attributes:
        buffer: The present destination.
        removed: Whether `logger.remove()` took this sink out since it was attached.
        self_logs: Records that were born while doing telemetry work, and not shipped.
        faults: Records that could only be shipped in their essential fields, since something raised.
    """

    def __init__(
        self,
        builder: RecordBuilder,
        buffer: RecordBuffer,
        accepts: "Callable[[loguru.Record], bool] | None" = None,
    ) -> None:
        self.buffer = buffer
        self.removed = False
        self.self_logs = 0
        self.faults = 0
        self._builder = builder
        self._accepts = accepts

    def attach(self, logger: "loguru.Logger", level: str | int) -> int:
        """Add this sink to *logger* and return the handler's id.

        The empty format makes the message's text just the traceback, which loguru formats for each handler anyway;
        `backtrace` and `diagnose` would make it long, dear, and show variables' values.
        """
        self.removed = False
        return logger.add(
            self, level=level, format="", colorize=False, backtrace=False, diagnose=False, catch=True
        )

    def write(self, message: "loguru.Message") -> None:
        """Take one record. Called by loguru; must not block and must not raise."""
        if is_guarded():
            self.self_logs += 1
            return
        record = message.record
        try:
            if self._accepts is not None and not self._accepts(record):
                return
            line = encode(self._builder.build(record, message))
        except Exception as error:  # noqa: BLE001 - the edge to the user's patchers, context and objects
            self.faults += 1
            line = encode(self._builder.salvage(record, error))
        self.buffer.append(line)

    def stop(self) -> None:
        """Note that loguru let go of this sink. Called by `logger.remove()`."""
        self.removed = True
