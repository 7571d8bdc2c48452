"""The way of chunks out of the buffer: taken, and settled or given back, each in one move under the lock."""

import itertools
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Final

from queue_telemetry._runtime import Clock, DeliveryLedger, DropReason
from queue_telemetry.logs._bisection import suspected
from queue_telemetry.logs._chunk import Chunk, OnDisk
from queue_telemetry.logs._stored_queue import StoredQueue
from queue_telemetry.logs.spool import Place, Spool

__all__ = ["OutgoingQueue"]

_NOTHING: Final[Mapping[DropReason, int]] = MappingProxyType({})


class OutgoingQueue(StoredQueue):
    """What the shipper does with chunks; see `RecordBuffer` for the lock and the arguments."""

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
        super().__init__(
            max_bytes,
            batch_bytes=batch_bytes,
            max_records=max_records,
            ledger=ledger,
            clock=clock,
            max_age_s=max_age_s,
            spool=spool,
        )
        self._lock = threading.RLock()
        self._refusing = False
        self._busy = False  # a change is being made, by the thread that holds the lock
        self._abandoned = False

    def take(self, max_bytes: int | None = None) -> Chunk | None:
        """Put the oldest sealed chunk in flight, with its lines in memory; None when there is none or one is already.

        So only one thread at a time sends. What is too old is dropped on the way. The disk is read without the lock.

        Args:
            max_bytes: Take no more whole lines than fit, but one at least; None takes the whole chunk.
        """
        while True:
            with self._changing() as may_change:
                if not may_change or self._in_flight is not None or self._abandoned:
                    return None
                chunk = self._in_flight = self._fitting()
                if chunk is None:
                    return None
                if chunk.data:
                    self._in_flight = self._cut(chunk, max_bytes)
                    return self._in_flight
                reserved_bytes = chunk.size_bytes
                self._held_bytes += reserved_bytes
            try:
                lines = self._read(chunk)
            except BaseException:  # the caller's thread was interrupted
                self._land(chunk, reserved_bytes, None, max_bytes)
                raise
            landed = self._land(chunk, reserved_bytes, lines, max_bytes)
            if landed is not None or lines is None:
                return landed

    def give_back(self, chunk: Chunk, *, last: bool = False) -> None:
        """Return the chunk in flight to its place, to be tried again; or *last*, with what was cut from it, behind all."""
        with self._changing():
            if self._in_flight is chunk:
                self._in_flight = None
                self._sealed.appendleft(chunk)
                if last:
                    akin = sum(1 for _ in itertools.takewhile(chunk.is_akin, self._sealed))
                    self._sealed.rotate(-(akin if akin < len(self._sealed) else 1))
                if self._spool is not None:
                    self._relieve()

    def settle(
        self, chunk: Chunk, dropped: Mapping[DropReason, int] = _NOTHING, again: Sequence[Chunk] = ()
    ) -> bool:
        """Let go of the chunk in flight, in one move; False when it was abandoned before.

        Args:
            chunk: What was taken; what is neither dropped nor sent again of it is delivered.
            dropped: How many of its records are given up, by reason.
            again: Parts of it that go to the front; parts of a refused batch behind the other parts of it.
        """
        with self._changing():
            if self._in_flight is not chunk:
                return False
            self._in_flight = None
            self._let_go(chunk, len(again))
            remaining = sum(part.records for part in again)
            self._ledger.deliver(chunk.records - sum(dropped.values()) - remaining)
            for reason, records in dropped.items():
                self._drop(records, reason)
            index = 0
            batch = suspected(again[0]) if again else None
            while batch is not None and index < len(self._sealed) and suspected(self._sealed[index]) is batch:
                index += 1
            for part in reversed(again):
                self._held_bytes += part.size_bytes
                self._insert(part, index)
            return True

    def adopt(self, places: Sequence[Place]) -> None:
        """Take over records of a dead process, behind what waits."""
        with self._changing() as may_change:
            if not may_change or self._refusing:
                return  # they stay in the spool, for the next process
            for place in places:
                self._ledger.adopt(place.records)
                self._sealed.append(
                    Chunk(
                        self._open.number,
                        bytearray(),
                        size_bytes=place.bytes,
                        records=place.records,
                        counted=place.records,
                        born_s=place.born_s,
                        disk=OnDisk(place),
                        adopted=True,
                    )
                )

    def drop_adopted(self) -> bool:
        """Drop the oldest records of a dead process that wait, for the space that they take; False when there are none."""
        with self._changing() as may_change:
            oldest = next((chunk for chunk in self._sealed if chunk.adopted), None)
            if not may_change or oldest is None:
                return False
            self._sealed.remove(oldest)
            self._forget(oldest, DropReason.SPOOL_FULL)
            return True

    def store_next(self) -> bool:
        """Give the oldest sealed chunk without one its copy on disk; False when none is left or the disk is against it."""
        with self._changing() as may_change:
            if not may_change or self._spool is None:
                return False
            return self._store_oldest()

    def settled(self, number: int) -> bool:
        """Tell whether every chunk up to *number* was delivered or dropped, but for those of dead processes."""
        with self._lock:
            waiting = [
                chunk.number for chunk in (self._in_flight, *self._sealed) if chunk and not chunk.adopted
            ]
            return min(waiting, default=self._open.number) > number

    @property
    def batch_limits(self) -> tuple[int, int]:
        """Most bytes and most records of a chunk."""
        return self._batch_bytes, self._max_records

    @property
    def refusing(self) -> bool:
        """Whether nothing more is taken."""
        return self._refusing

    @property
    def has_sealed(self) -> bool:
        """Whether chunks wait to be taken."""
        return bool(self._sealed)

    @property
    def adopted_chunks(self) -> int:
        """How many chunks of dead processes wait."""
        with self._lock:
            return sum(chunk.adopted for chunk in (self._in_flight, *self._sealed) if chunk)

    @contextmanager
    def _changing(self) -> Generator[bool]:
        """Hold the lock; False when this is a signal handler that interrupted a change, so that none may be made."""
        with self._lock:
            if self._busy:
                yield False
                return
            self._busy = True
            try:
                yield True
            finally:
                self._busy = False
                if self._abandoned:
                    self._drop_all()

    def _land(
        self, chunk: Chunk, reserved_bytes: int, lines: bytearray | None, max_bytes: int | None
    ) -> Chunk | None:
        """Take in what was read for the chunk in flight, or put it back; return what is in flight then.

        None too when all of it was damaged, or abandoned meanwhile.
        """
        with self._changing():
            self._held_bytes -= reserved_bytes
            if self._in_flight is not chunk:
                return None
            self._in_flight = None
            if lines is None:
                self._insert(chunk, 0)
            elif self._load(chunk, lines):
                self._in_flight = self._cut(chunk, max_bytes)
            return self._in_flight

    def _read(self, chunk: Chunk) -> bytearray | None:
        """Read the lines of a chunk that is on disk only; None when that cannot be done now."""
        assert self._spool is not None
        assert chunk.disk is not None
        read = self._spool.read(chunk.disk.place)
        return None if read is None else read[0]

    def _drop_all(self) -> None:
        self._seal()
        if self._in_flight is not None:
            self._sealed.appendleft(self._in_flight)
            self._in_flight = None
        for chunk in tuple(self._sealed):
            if self._store(chunk) or chunk.disk is not None:  # a part's whole is there, if the part is not
                self._release(chunk)
            else:
                self._sealed.remove(chunk)
                self._forget(chunk, DropReason.SHUTDOWN)
