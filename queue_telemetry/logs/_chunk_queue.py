"""Chunks in their order, with accounts that agree with them: memory, copies on disk, the ledger. Has no lock."""

import math
from collections import deque
from typing import Final

from queue_telemetry._runtime import Clock, DeliveryLedger, DropReason
from queue_telemetry.logs._chunk import Chunk, OnDisk
from queue_telemetry.logs._losses import Losses
from queue_telemetry.logs.spool import Spool

__all__ = ["ChunkQueue"]

_JOINED_S: Final = 60.0  # a chunk is as old as its first record, and dropped as a whole when that is too old
_TOLD_ALREADY: Final = frozenset({DropReason.CLOSED, DropReason.SHUTDOWN})  # nothing is sent after them


class ChunkQueue:
    """One open chunk, sealed ones that wait, at most one in flight; each moved together with its accounts.

    Its methods are for a subclass that holds a lock; each leaves the accounts right.

    Args:
        max_bytes: Limit of all lines in memory.
        batch_bytes: A chunk's size; only a single longer line exceeds it.
        max_records: Most records of a chunk.
        ledger: Counts the records.
        clock: For times of birth and of losses.
        max_age_s: After how many seconds a record is not worth sending.
        spool: Keeps copies on disk; None where there are none.
    """

    def __init__(
        self,
        max_bytes: int,
        *,
        batch_bytes: int,
        max_records: int,
        ledger: DeliveryLedger,
        clock: Clock,
        max_age_s: float,
        spool: Spool | None,
    ) -> None:
        self._max_bytes = max_bytes
        self._batch_bytes = batch_bytes
        self._max_records = max_records
        self._ledger = ledger
        self._clock = clock
        self._max_age_s = max_age_s
        self._spool = spool
        self._open = Chunk(1)
        self._sealed: deque[Chunk] = deque()
        self._in_flight: Chunk | None = None
        self._held_bytes = 0
        self._losses = Losses()

    def _held_records(self) -> int:
        in_flight = 0 if self._in_flight is None else self._in_flight.records
        return self._open.records + in_flight + sum(chunk.records for chunk in tuple(self._sealed))

    def _join(self, last: Chunk, chunk: Chunk) -> bool:
        """Add a small *chunk* to the one before it, so that an outage does not gather thousands of them."""
        if (
            last.records + chunk.records > self._max_records
            or last.size_bytes + chunk.size_bytes > self._batch_bytes
            or last.suspect is not chunk.suspect
            or last.doubted is not chunk.doubted
            or last.adopted is not chunk.adopted
            or chunk.born_s - last.born_s > _JOINED_S
            or (last.disk is None) is not (chunk.disk is None)
        ):
            return False
        if last.disk is not None and chunk.disk is not None:
            if last.disk.split or chunk.disk.split:
                return False
            place = last.disk.place.join(chunk.disk.place)
            if place is None:
                return False
            last.disk = OnDisk(place)
        if last.data and chunk.data:
            begin = len(last.data)
            last.data += chunk.data
            last.severe += [(begin + start, begin + end) for start, end in chunk.severe]
        else:  # in memory are all of the lines or none
            self._release(last)
            self._release(chunk)
        last.size_bytes += chunk.size_bytes
        last.records += chunk.records  # it keeps its own number: who waits for either waits for both
        last.counted += chunk.counted
        return True

    def _count(self, chunk: Chunk) -> None:
        """Tell the ledger of the chunk's records that it does not know: a call for each one would be dear."""
        news = chunk.records - chunk.counted
        chunk.counted += news
        self._ledger.accept(news)

    def _drop(self, records: int, reason: DropReason) -> None:
        if not records:
            return
        self._ledger.drop(records, reason)
        if reason not in _TOLD_ALREADY:
            self._losses.note(records, reason, self._clock.time())

    def _drop_line(self, reason: DropReason) -> None:
        self._ledger.accept()
        self._drop(1, reason)

    def _forget(self, chunk: Chunk, reason: DropReason) -> None:
        """Drop a whole chunk."""
        self._count(chunk)
        self._let_go(chunk)
        self._drop(chunk.records, reason)

    def _let_go(self, chunk: Chunk, heirs: int = 0) -> None:
        """Free a chunk's memory and copy, unless parts of it live on."""
        self._release(chunk)
        disk = chunk.disk
        if disk is not None and self._spool is not None:
            disk.parts += heirs - 1
            disk.split |= heirs > 0
            if disk.parts == 0:
                self._spool.acknowledge(disk.place)

    def _release(self, chunk: Chunk) -> None:
        """Free the memory of a chunk."""
        self._held_bytes -= len(chunk.data)
        chunk.data = bytearray()  # the old one may be on its way to the collector

    def _insert(self, chunk: Chunk, index: int) -> None:
        """Put a chunk back among those that wait."""
        if index:
            self._sealed.insert(index, chunk)
        else:
            self._sealed.appendleft(chunk)

    def _next(self) -> Chunk | None:
        """Remove and return the oldest chunk that is not too old; those are dropped."""
        born_after_s = -math.inf if self._max_age_s == math.inf else self._clock.time() - self._max_age_s
        while self._sealed:
            chunk = self._sealed.popleft()
            if chunk.born_s >= born_after_s:
                return chunk
            self._forget(chunk, DropReason.EXPIRED)
        return None
