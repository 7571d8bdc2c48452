"""The buffer of `wal`: each line is on disk before its append returns, unless the disk is against it."""

import math
from functools import partial
from typing import Final

from queue_telemetry._runtime import Clock
from queue_telemetry.logs.buffer import MAX_RECORDS, RecordBuffer
from queue_telemetry.logs.spool import Place, Spool

__all__ = ["WriteAheadBuffer"]

_PATIENCE_S: Final = 0.25  # for another thread's write: some dozens of them, each waiting for the interpreter
_BUSY, _REFUSED, _TAKEN, _WAKES = range(4)


class WriteAheadBuffer(RecordBuffer):
    """A buffer that writes each line to its spool, which it needs, and then takes it in.

    One thread writes at a time, under a lock of its own: while the disk hangs with it, all else goes on, and others'
    lines are in memory only, after one wait of a moment. What a signal handler logs in the middle of an append is written
    behind it.

    Args: those of `RecordBuffer`.
    """

    def __init__(
        self,
        max_bytes: int,
        *,
        batch_bytes: int,
        linger_s: float,
        clock: Clock,
        spool: Spool,
        max_records: int = MAX_RECORDS,
        max_age_s: float = math.inf,
    ) -> None:
        super().__init__(
            max_bytes,
            batch_bytes=batch_bytes,
            linger_s=linger_s,
            clock=clock,
            max_records=max_records,
            max_age_s=max_age_s,
            spool=spool,
        )
        self._admission.writes_ahead = True
        self._easy_bytes = -1  # a line that was not written is to be looked at
        self._written_to = spool
        self._writer = self._storing.writer
        self._patience_s = _PATIENCE_S

    def append(self, line: bytes, severe: bool = False) -> None:  # noqa: FBT001, FBT002 - as in `RecordBuffer`
        """Take one line with its newline: on disk when this returns, but where it is counted as not. Must not raise.

        Args:
            line: Copied.
            severe: Whether it is of ERROR or above, and goes last where records must go.
        """
        if self.refusing:
            super().append(line, severe)
            return
        how = self._writer.run(self._patience_s, partial(self._write, line, severe), otherwise=_BUSY)
        if how == _WAKES:
            self.on_wake()
        elif how == _BUSY:
            if not self._writer.is_mine:
                self._patience_s = 0.0  # until the other one comes back
            elif self._writer.park(partial(self.append, line, severe)):
                return
            super().append(line, severe)
        elif how == _REFUSED:
            super().append(line, severe)

    def _write(self, line: bytes, severe: bool) -> int:  # noqa: FBT001
        if self.refusing:  # meanwhile
            return _REFUSED
        place = self._storing.write_ahead(line)
        self._patience_s = _PATIENCE_S
        if place is None:
            return _REFUSED
        how = self._lock.run(-1, partial(self._lay_down, line, place, severe), otherwise=_BUSY)
        if how == _BUSY and self._lock.park(partial(self._lay_down_late, line, place, severe)):
            self._written_to.unclaimed = None
            how = _TAKEN
        return how

    def _lay_down_late(self, line: bytes, place: Place, severe: bool) -> None:  # noqa: FBT001
        if self._lock.run(-1, partial(self._lay_down, line, place, severe), otherwise=_BUSY) == _WAKES:
            self.on_wake()

    def _lay_down(self, line: bytes, place: Place, severe: bool) -> int:  # noqa: FBT001
        """Take in a line that is on disk, with the accounts' lock held; into memory as well, up to half of that."""
        accounts, size, copy = self._accounts, len(line), place
        chunk = accounts.held.chunks[-1]
        if chunk.records:
            joined = None if chunk.disk is None else chunk.disk.join(place)
            if joined is None or chunk.size_bytes + size > self._batch_bytes:
                accounts.commit(accounts.seal)
            else:
                copy = joined
        held = accounts.held
        chunk = held.chunks[-1]
        if wake := not chunk.records:
            chunk.born_s = now_s = self._clock.monotonic()
            chunk.due_s = now_s + self._linger_s
        if severe:
            chunk.severe.append(chunk.size_bytes)
        held_bytes = held.held_bytes + size
        if len(chunk.data) < chunk.size_bytes or 2 * held_bytes > self._max_bytes:
            line, held_bytes = b"", held.held_bytes
        # No call from here to the last of these, as in `RecordBuffer.append`.
        chunk.data += line
        chunk.records = records = chunk.records + 1
        chunk.size_bytes = chunk_bytes = chunk.size_bytes + size
        held.held_bytes = held_bytes
        chunk.disk = copy
        if self._written_to.unclaimed is place:
            self._written_to.unclaimed = None
        if records >= self._max_records or chunk_bytes >= self._batch_bytes:
            accounts.commit(accounts.seal)
            wake = True
        return _WAKES if wake else _TAKEN
