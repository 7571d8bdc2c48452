"""The bounded buffer between the sink and the shipper: holds every record until it is delivered or dropped."""

import math
from collections.abc import Callable
from typing import Final

from queue_telemetry._runtime import Clock, Delivery, DeliveryLedger, DropReason
from queue_telemetry.logs._losses import Losses
from queue_telemetry.logs._outgoing_queue import OutgoingQueue
from queue_telemetry.logs.spool import Spool

__all__ = ["RecordBuffer"]

_MAX_RECORDS: Final = 1_000  # a batch; the least that a large collector takes, and larger ones are no faster


class RecordBuffer(OutgoingQueue):
    """Holds lines, in memory up to a number of bytes and above that in a spool where there is one.

    A chunk in flight still counts as pending and as memory. The lock guards chunks, counts and the ledger's moves, so
    that they always agree; it is held for a few assignments, and for one unsynced write where lines go to disk. It is
    re-entrant, since a signal handler may flush or close in the middle of an append; such a call finds the buffer busy
    and changes nothing.

    Args:
        max_bytes: Limit of all lines in memory.
        batch_bytes: A chunk's size; only a single longer line exceeds it.
        linger_s: How long a chunk stays open at most.
        ledger: Counts the records; only this buffer moves them in it. `read` brings it up to date.
        clock: Where the linger time comes from.
        max_records: Most records of a chunk.
        max_age_s: After how many seconds a record is not worth sending.
        spool: Keeps copies on disk; None keeps none.
        writes_ahead: Whether each line is in the spool before `append` returns.

    Attributes:
        on_wake: Called without the lock when a chunk got its first record or was sealed. Must not raise.
        not_written: Records that could not be written ahead, and are in memory only.
    """

    def __init__(
        self,
        max_bytes: int,
        *,
        batch_bytes: int,
        linger_s: float,
        ledger: DeliveryLedger,
        clock: Clock,
        max_records: int = _MAX_RECORDS,
        max_age_s: float = math.inf,
        spool: Spool | None = None,
        writes_ahead: bool = False,
    ) -> None:
        super().__init__(
            max_bytes,
            batch_bytes=batch_bytes,
            max_records=max_records,
            ledger=ledger,
            clock=clock,
            max_age_s=max_age_s,
            spool=spool,
        )
        self.on_wake: Callable[[], None] = _nothing
        self.not_written = 0
        self._linger_s = linger_s
        self._writes_ahead = writes_ahead
        self._easy_bytes = (
            -1 if writes_ahead else max_bytes
        )  # up to there an append has nothing else to look at

    def append(self, line: bytes, severe: bool = False) -> None:  # noqa: FBT001, FBT002 - a keyword costs a tenth more
        """Take one line with its newline. Must not wait for the network or a disk's sync, and must not raise.

        Args:
            line: Copied.
            severe: Whether it is of ERROR or above, and goes last where records must go.
        """
        size = len(line)
        with self._lock:
            if self._busy:
                self._drop_line(DropReason.OVERFLOW)
                return
            self._busy = True
            try:
                if self._held_bytes + size > self._easy_bytes:
                    kept = self._admit(line, severe)
                    if kept is None:
                        return
                    self._held_bytes += len(kept) - size
                    line = kept
                chunk = self._open
                records = chunk.records
                if records and chunk.size_bytes + size > self._batch_bytes:
                    chunk = self._seal()
                    records = 0
                chunk.data += line
                chunk.records = records = records + 1
                chunk.size_bytes = chunk_bytes = chunk.size_bytes + size
                self._held_bytes += size
                if severe:
                    chunk.severe.append((chunk_bytes - size, chunk_bytes))
                wake = records == 1
                if wake:
                    chunk.due_s = self._clock.monotonic() + self._linger_s
                    chunk.born_s = self._clock.time()
                if records >= self._max_records or chunk_bytes >= self._batch_bytes:
                    self._seal()
                    wake = True
            finally:
                self._busy = False
                if self._abandoned:
                    self._drop_all()
        if wake:
            self.on_wake()

    def _admit(self, line: bytes, severe: bool) -> bytes | None:  # noqa: FBT001
        """Take the way of a line that is not easy: write it ahead, or find memory for it.

        Returns:
            What is to be kept in memory; nothing when it is on disk and memory is short, None when it was dropped.
        """
        if self._refusing:
            self._drop_line(DropReason.CLOSED)
            return None
        if self._writes_ahead:
            place = self._write(line, 1)
            if place is not None:
                chunk = self._lay_down(place)
                is_kept = len(chunk.data) == chunk.size_bytes
                return line if is_kept and 2 * (self._held_bytes + len(line)) <= self._max_bytes else b""
            self.not_written += 1
            if self._open.disk is not None:
                self._seal()
        if self._held_bytes + len(line) > self._max_bytes and not self._make_room(len(line), severe=severe):
            self._drop_line(DropReason.OVERFLOW)
            return None
        return line

    def seal(self) -> int:
        """Close the open chunk and return a number: what was appended before is in chunks up to that."""
        with self._changing() as may_change:
            if not may_change:
                return self._open.number + 1
            self._seal()
            return self._open.number - 1

    def seal_due(self) -> float | None:
        """Seal the open chunk if its time has come; return the seconds until then, None when it is empty."""
        with self._changing() as may_change:
            if not may_change or not self._open.records:
                return None
            left_s = self._open.due_s - self._clock.monotonic()
            if left_s > 0:
                return left_s
            self._seal()
            return None

    def refuse(self) -> None:
        """Take nothing more; what still comes is counted and dropped as closed."""
        self._refusing = True
        self._easy_bytes = -1

    def abandon(self) -> tuple[int, int]:
        """Leave all that is pending in the spool, and drop what is not taken there.

        Returns:
            How many records were dropped, and how many of this process's own are left in the spool.
        """
        with self._changing() as may_change:
            before = self._dropped_at_shutdown()
            self._abandoned = True
            if not may_change:  # the interrupted change ends with it
                return self._held_records(), 0
            self._drop_all()
            left = sum(chunk.records for chunk in self._sealed if not chunk.adopted)
            return self._dropped_at_shutdown() - before, left

    def take_losses(self) -> Losses:
        """Return what was lost since the last call."""
        with self._lock:
            losses, self._losses = self._losses, Losses()
            return losses

    def read(self) -> tuple[Delivery, int, int]:
        """Return the ledger's counts, the records pending and the bytes in memory, as of one moment."""
        with self._changing() as may_change:
            if may_change:
                self._count(self._open)
            return self._ledger.read(), self._held_records(), self._held_bytes

    def _dropped_at_shutdown(self) -> int:
        return self._ledger.read().dropped.get(DropReason.SHUTDOWN, 0)


def _nothing() -> None:
    """Nobody waits yet."""
