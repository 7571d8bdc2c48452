"""Keeps our sink among loguru's handlers and our bridge among the stdlib's, and decides which records are ours to ship."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from loguru import logger

from queue_telemetry._runtime import SYSTEM_CLOCK, say
from queue_telemetry.logs import LogSink, RecordBuffer, RecordBuilder, Redactor
from queue_telemetry.settings import Settings
from queue_telemetry.tasks import Tracker, record_fields, record_owner
from queue_telemetry.telemetry._constants import record_constants
from queue_telemetry.telemetry._outputs import constant_tags, host_name
from queue_telemetry.telemetry._stdlib import StdlibBridge

if TYPE_CHECKING:
    from loguru import Record

__all__ = ["SinkKeeper"]

_PARKED_BYTES: Final = 1024 * 1024  # what a forked child's threads log in the milliseconds until it is awake


class SinkKeeper:
    """Adds sink and bridge, notices when the user's `logger.remove()` or `dictConfig` took them away, and puts them back.

    Args:
        tracker: Whose tasks' fields the records bear.
        wake: Called for each record that is to be shipped; tells whether it is.
        on_removed: Called when the user's code took the sink away, to have `restore` called soon. Must not block.
        captures_all: Whether to ship records that belong to no task of this telemetry too.

    Attributes:
        removals: How often the sink was taken away and put back.
    """

    def __init__(
        self,
        tracker: Tracker,
        wake: Callable[[], bool],
        on_removed: Callable[[], None],
        *,
        captures_all: bool,
    ) -> None:
        self.removals = 0
        self._gate = tracker.gate
        self._workers = tracker.workers
        self._wake = wake
        self._on_removed = on_removed
        self._captures_all = captures_all
        self._sink: LogSink | None = None
        self._shape: object = None
        self._level = "INFO"
        self._handler_id = -1
        self._parked: RecordBuffer | None = None
        self._bridge = StdlibBridge()
        self._ships = False

    def send_to(self, settings: Settings, buffer: RecordBuffer | None) -> None:
        """Send records to *buffer* from now on, and the stdlib's to loguru where the settings say so.

        A sink that would be made the same way stays, so that no record is lost in between. Without a buffer it is there
        only for what it tells the bridge.
        """
        captures = settings.enabled and settings.log_capture_stdlib
        self._ships = buffer is not None
        if buffer is None:
            if not captures:
                self.uninstall()
                return
            buffer = _small_buffer()
        constants = record_constants(constant_tags(settings), host_name())
        shape = settings.log_level, settings.log_redact_keys, constants
        if self._sink is None or shape != self._shape:
            self.uninstall()
            redactor = Redactor(settings.log_redact_keys)
            builder = RecordBuilder(constants, lambda: record_fields(self._workers), redactor)
            self._shape, self._level = shape, settings.log_level
            self._sink = LogSink(builder, buffer, self._accepts)
            self._sink.on_removed = self._on_removed
            self._handler_id = self._sink.attach(logger, self._level)
        self._sink.buffer = buffer
        self._unpark(buffer)
        if captures:
            self._bridge.attach(logger.level(self._level).no)
        else:
            self._bridge.detach()

    def restore(self) -> None:
        """Put sink and bridge back when the user's code took them away."""
        self._bridge.restore()
        sink = self._sink
        if sink is None:
            return
        self._unpark(sink.buffer)  # what a thread that had the old buffer in hand put into it since
        self._parked = None
        if sink.removed:
            self.removals += 1
            self._handler_id = handler_id = sink.attach(logger, self._level)
            if self._sink is not sink:  # it was uninstalled meanwhile
                _remove(handler_id)
                return
            say(
                "sink_removed",
                "logger.remove() took the telemetry sink away; it is back, and records between are lost",
            )

    def uninstall(self) -> None:
        """Take sink and bridge out for good."""
        self.let_go_of_stdlib()
        sink, self._sink = self._sink, None
        if sink is not None and not sink.removed:
            _remove(self._handler_id)

    def let_go_of_stdlib(self) -> None:
        """Take the bridge out; the sink stays."""
        self._bridge.detach()

    def reset_after_fork(self) -> None:
        """In a forked child: let go of the parent's buffer, whose lock may be held for ever."""
        if self._sink is not None:
            self._sink.buffer = self._parked = _small_buffer()

    def stats(self) -> dict[str, object]:
        """Return what sink and bridge met: records of our own, records that came on in part or not at all, removals.

        And the accounts of a forked child that cannot start yet.
        """
        sink, bridge, parked = self._sink, self._bridge, self._parked
        accounts: dict[str, object] = {}
        if sink is not None and parked is not None and sink.buffer is parked:
            delivery = parked.read()[0]
            accounts = {
                "accepted": delivery.accepted,
                "adopted": 0,
                "delivered": 0,
                "dropped": {str(reason): records for reason, records in delivery.dropped.items()},
                "pending": delivery.pending,
            }
        return accounts | {
            "self_logs": bridge.self_logs + (0 if sink is None else sink.self_logs),
            "faults": bridge.faults + (0 if sink is None else sink.faults),
            "sink_removals": self.removals,
            "stdlib_removals": bridge.removals,
            "stdlib_echoes": bridge.echoes,
        }

    def _accepts(self, record: "Record") -> bool:
        """Tell whether a record is to be shipped. The first one of a process is its first event."""
        self._bridge.see(record)
        if not self._ships:
            return False
        owner = record_owner()
        if owner is not self._workers and not (self._captures_all and owner is None):
            return False
        return not self._gate.asleep or self._wake()

    def _unpark(self, buffer: RecordBuffer) -> None:
        """Move to *buffer* what another thread, or a signal handler, logged before there was one."""
        parked = self._parked
        if parked is None or parked is buffer:
            return
        parked.seal()
        while (chunk := parked.take()) is not None:
            severe, begin = set(chunk.severe), 0
            for line in chunk.data.splitlines(keepends=True):
                buffer.append(bytes(line), begin in severe)
                begin += len(line)
            parked.settle(chunk)
        buffer.inherit(parked.take_losses())


def _small_buffer() -> RecordBuffer:
    return RecordBuffer(_PARKED_BYTES, batch_bytes=_PARKED_BYTES, linger_s=0.0, clock=SYSTEM_CLOCK)


def _remove(handler_id: int) -> None:
    # ValueError: the user's code was faster. RuntimeError: we are below a record of this very handler, as in a signal
    # handler, and loguru would wait for itself.
    with suppress(ValueError, RuntimeError):
        logger.remove(handler_id)
