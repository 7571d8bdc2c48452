"""Keeps our sink among loguru's handlers, and decides which records are this telemetry's to ship."""

from contextlib import suppress
from typing import TYPE_CHECKING

from loguru import logger

from queue_telemetry._runtime import Gate, say
from queue_telemetry.logs import LogSink, RecordBuffer, RecordBuilder, Redactor
from queue_telemetry.settings import Settings
from queue_telemetry.tasks import Tracker, record_fields, record_owner
from queue_telemetry.telemetry._outputs import host_name

if TYPE_CHECKING:
    from loguru import Record

__all__ = ["SinkKeeper"]


class SinkKeeper:
    """Adds the sink, notices when the user's `logger.remove()` took it away, and puts it back.

    Args:
        tracker: Whose tasks' fields the records bear.
        captures_all: Whether to ship records that belong to no task of this telemetry too.

    Attributes:
        removals: How often the sink was taken away and put back.
    """

    def __init__(self, tracker: Tracker, *, captures_all: bool) -> None:
        self.removals = 0
        self._gate: Gate = tracker.gate
        self._workers = tracker.workers
        self._captures_all = captures_all
        self._level = "INFO"
        self._sink: LogSink | None = None
        self._handler_id: int | None = None

    def send_to(self, settings: Settings, buffer: RecordBuffer) -> None:
        """Send records to *buffer*, adding the sink when it is not there yet. A forked child has its parent's."""
        if self._sink is not None:
            self._sink.buffer = buffer
            return
        constants = {
            **settings.tags,
            "service": settings.service,
            "env": settings.env,
            "version": settings.version,
            "host": host_name(),
        }
        redactor = Redactor(settings.log_redact_keys)
        builder = RecordBuilder(constants, lambda: record_fields(self._workers), redactor.redact)
        self._level = settings.log_level
        self._sink = LogSink(builder, buffer, self._accepts)
        self._handler_id = self._sink.attach(logger, self._level)

    def restore(self) -> None:
        """Put the sink back when the user's code took it away."""
        if self._sink is not None and self._sink.removed:
            self.removals += 1
            self._handler_id = self._sink.attach(logger, self._level)
            say(
                "sink_removed",
                "logger.remove() took the telemetry sink away; it is back, and records between are lost",
            )

    def uninstall(self) -> None:
        """Take the sink out for good."""
        sink, self._sink = self._sink, None
        if sink is not None and self._handler_id is not None and not sink.removed:
            with suppress(ValueError):  # removed a moment ago by the user's code
                logger.remove(self._handler_id)

    def stats(self) -> dict[str, object]:
        """Return what the sink met: records of our own, records it could ship only in part, removals."""
        sink = self._sink
        return {
            "self_logs": 0 if sink is None else sink.self_logs,
            "faults": 0 if sink is None else sink.faults,
            "sink_removals": self.removals,
        }

    def _accepts(self, _record: "Record") -> bool:
        """Tell whether a record is to be shipped. The first one of a process is its first event."""
        if self._gate.asleep and not self._gate.wake():
            return False
        if self._captures_all:
            owner = record_owner()
            return owner is None or owner is self._workers
        return record_owner() is self._workers
