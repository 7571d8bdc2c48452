"""The keeper: a thread beside the shipper's that works on the spool's files, so that nobody else waits where a disk hangs."""

import time
from collections.abc import Callable
from typing import Final

from queue_telemetry._runtime import BackgroundLoop, Bell, Clock
from queue_telemetry.logs._upkeep import Upkeep
from queue_telemetry.logs.buffer import RecordBuffer
from queue_telemetry.logs.spool import Spool

__all__ = ["Keeper"]

_NAME: Final = "queue_telemetry-spool"
_IDLE_S: Final = 60.0  # a wait has an end
_TIDY_S: Final = 0.1  # between two requests, so that a crash repeats no more than one batch


class Keeper:
    """Looks after a buffer's spool, on a thread of its own where one can be had, else on the shipper's.

    Args:
        buffer: The buffer.
        spool: Its spool; None without one, and no thread is needed.
        upkeep: What is to be done.
        clock: For the end.
        is_failing: Tells whether the destination fails now.
        on_more: Called when there is more to send.
    """

    def __init__(
        self,
        buffer: RecordBuffer,
        spool: Spool | None,
        upkeep: Upkeep,
        *,
        clock: Clock,
        is_failing: Callable[[], bool],
        on_more: Callable[[], None],
    ) -> None:
        self._buffer = buffer
        self._spool = spool
        self._upkeep = upkeep
        self._clock = clock
        self._is_failing = is_failing
        self._on_more = on_more
        self._loop = None if spool is None else BackgroundLoop(_NAME, self._step)
        self._looked = Bell()  # rung behind each look
        self._is_late = False
        self._leave_until_s: float | None = None
        self._has_left = False

    @property
    def is_ready(self) -> bool:
        """Whether its thread runs, or none is needed."""
        return self._loop is None or self._loop.alive

    def start(self) -> None:
        """Start the thread where one is needed; where none can be had, `help_out` does its work."""
        if not self.is_ready and self._loop is not None:
            self._loop.start()

    def wake(self) -> None:
        """Have the thread look."""
        if self._loop is not None:
            self._loop.wake()

    def help_out(self) -> float:
        """Do what is due where there is no thread for it; else have it done, and wait a moment for what must be first.

        For the shipper, before each request.

        Returns:
            Seconds until there may be something more to do.
        """
        if self._loop is None or not self._loop.alive:
            self._upkeep.look_after(failing=self._is_failing())
            return self._upkeep.due_s
        self._wait_until_tidy()
        self._loop.wake()
        return _IDLE_S

    def leave(self, until_s: float) -> None:
        """Have all that is pending on disk, or dropped, until so many monotonic seconds; for the end."""
        if self._loop is None or not self._loop.alive:
            self._leave(until_s)
        else:
            self._leave_until_s = until_s
            self._loop.wake()
            while not self._has_left and self._looked.wait(until_s - self._clock.monotonic()):
                pass
            self._loop.stop(0.0)
        if self._spool is not None and not self._has_left:
            self._spool.abandon()
        self._buffer.let_go()

    def _step(self) -> float:
        until_s = self._leave_until_s
        if until_s is None:
            if self._upkeep.look_after(failing=self._is_failing()):
                self._on_more()
        elif not self._has_left:
            self._leave(until_s)
        self._looked.ring()
        return min(self._upkeep.due_s, _IDLE_S)

    def _leave(self, until_s: float) -> None:
        self._buffer.abandon(until_s)
        self._buffer.close_spool()
        self._has_left = True

    def _wait_until_tidy(self) -> None:
        """Have it on disk that the last batch was taken, unless that takes long."""
        spool = self._spool
        if spool is None or spool.is_tidy():
            self._is_late = False
        elif not self._is_late:
            self._looked.wait(0.0)
            self.wake()
            end_s = time.monotonic() + _TIDY_S
            while not spool.is_tidy() and self._looked.wait(end_s - time.monotonic()):
                pass
            self._is_late = not spool.is_tidy()
