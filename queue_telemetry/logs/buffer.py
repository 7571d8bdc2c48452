"""The bounded buffer between the sink and the shipper: lines gathered in chunks, the oldest dropped when full."""

import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from queue_telemetry._runtime import Clock, Delivery, DeliveryLedger, DropReason
from queue_telemetry.logs._chunk import Chunk

__all__ = ["RecordBuffer"]

_MAX_RECORDS: Final = 1_000  # a batch; the least that a large collector takes, and larger ones are no faster


class RecordBuffer:
    """Holds lines until they are delivered or dropped, never more than a number of bytes.

    One chunk is open, sealed ones wait, at most one is in flight. A chunk in flight still counts as pending and as
    memory. The lock guards chunks, counts and the ledger's moves, so that both always agree; it is held for a few
    assignments. It is re-entrant, since a signal handler may flush or close in the middle of an append; such a call
    finds the buffer busy and changes nothing.

    Args:
        max_bytes: Limit of all lines held.
        batch_bytes: A chunk's size; only a single longer line exceeds it.
        linger_s: How long a chunk stays open at most.
        ledger: Counts the records; only this buffer moves them in it. `read` brings it up to date.
        clock: Where the linger time comes from.

    Attributes:
        on_wake: Called without the lock when a chunk got its first record or was sealed. Must not raise.
    """

    def __init__(
        self, max_bytes: int, *, batch_bytes: int, linger_s: float, ledger: DeliveryLedger, clock: Clock
    ) -> None:
        self.on_wake: Callable[[], None] = _nothing
        self._lock = threading.RLock()
        self._limit_bytes = max_bytes
        self._batch_bytes = batch_bytes
        self._linger_s = linger_s
        self._ledger = ledger
        self._clock = clock
        self._open = Chunk(1)
        self._sealed: deque[Chunk] = deque()
        self._in_flight: Chunk | None = None
        self._held_bytes = 0
        self._busy = False  # a change is being made, by the thread that holds the lock
        self._abandoned = False

    def append(self, line: bytes) -> None:
        """Take one line with its newline. Must not block and must not raise."""
        size = len(line)
        with self._lock:
            if self._busy:
                self._drop_line(DropReason.OVERFLOW)
                return
            self._busy = True
            try:
                if self._held_bytes + size > self._limit_bytes and not self._make_room(size):
                    return
                chunk = self._open
                if chunk.records and len(chunk.data) + size > self._batch_bytes:
                    chunk = self._seal()
                chunk.data += line
                chunk.records += 1
                self._held_bytes += size
                first = chunk.records == 1
                full = chunk.records >= _MAX_RECORDS or len(chunk.data) >= self._batch_bytes
                if first:
                    chunk.due_s = self._clock.monotonic() + self._linger_s
                if full:
                    self._seal()
            finally:
                self._busy = False
                if self._abandoned:
                    self._drop_all()
        if first or full:
            self.on_wake()

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

    def take(self) -> Chunk | None:
        """Put the oldest sealed chunk in flight; None when there is none or one is in flight already.

        So only one thread at a time sends.
        """
        with self._changing() as may_change:
            if not may_change or self._in_flight is not None or not self._sealed:
                return None
            self._in_flight = self._sealed.popleft()
            return self._in_flight

    def give_back(self, chunk: Chunk) -> None:
        """Return the chunk in flight to its place, to be tried again."""
        with self._changing():
            if self._in_flight is chunk:
                self._in_flight = None
                self._sealed.appendleft(chunk)

    def settle(self, chunk: Chunk, reason: DropReason | None = None) -> bool:
        """Let go of the chunk in flight: delivered, or dropped for *reason*; False when it was abandoned before."""
        with self._changing():
            if self._in_flight is not chunk:
                return False
            self._in_flight = None
            self._forget(chunk, reason)
            return True

    def settled(self, number: int) -> bool:
        """Tell whether every chunk up to *number* was delivered or dropped."""
        with self._lock:
            oldest = self._in_flight or (self._sealed[0] if self._sealed else self._open)
            return oldest.number > number

    def refuse(self) -> None:
        """Take nothing more; what still comes is counted and dropped as closed."""
        self._limit_bytes = -1  # so that an append has one limit to look at

    def abandon(self) -> int:
        """Drop all that is pending, for a shutdown, and return how many records that was."""
        with self._changing() as may_change:
            lost = self._held_records()
            self._abandoned = True
            if may_change:
                self._drop_all()
            return lost

    def read(self) -> tuple[Delivery, int, int]:
        """Return the ledger's counts, the records held and the bytes held, as of one moment."""
        with self._changing() as may_change:
            if may_change:
                self._count(self._open)
            return self._ledger.read(), self._held_records(), self._held_bytes

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

    def _held_records(self) -> int:
        in_flight = 0 if self._in_flight is None else self._in_flight.records
        return self._open.records + in_flight + sum(chunk.records for chunk in tuple(self._sealed))

    def _drop_all(self) -> None:
        self._seal()
        if self._in_flight is not None:
            self._sealed.appendleft(self._in_flight)
            self._in_flight = None
        while self._sealed:
            self._forget(self._sealed.popleft(), DropReason.SHUTDOWN)

    def _seal(self) -> Chunk:
        chunk = self._open
        if chunk.records:
            self._count(chunk)
            if not self._joins_last(chunk):
                self._sealed.append(chunk)
        self._open = Chunk(chunk.number + 1)
        return self._open

    def _joins_last(self, chunk: Chunk) -> bool:
        """Add a small *chunk* to the last one that waits, so that an outage does not gather thousands of them."""
        last = self._sealed[-1] if self._sealed else None
        if (
            last is None
            or last.records + chunk.records > _MAX_RECORDS
            or len(last.data) + len(chunk.data) > self._batch_bytes
        ):
            return False
        last.data += chunk.data  # it keeps its own number: who waits for either waits for both
        last.records += chunk.records
        last.counted += chunk.counted
        return True

    def _make_room(self, size: int) -> bool:
        """Drop the oldest chunks until *size* more bytes fit; when they cannot, or none are taken, drop the line."""
        limit_bytes = self._limit_bytes
        if limit_bytes < 0:
            return self._drop_line(DropReason.CLOSED)
        in_flight_bytes = 0 if self._in_flight is None else len(self._in_flight.data)
        if in_flight_bytes + size > limit_bytes:  # dropping the others would not help
            return self._drop_line(DropReason.OVERFLOW)
        while self._held_bytes + size > limit_bytes:
            if not self._sealed:
                self._seal()
            self._forget(self._sealed.popleft(), DropReason.OVERFLOW)
        return True

    def _drop_line(self, reason: DropReason) -> bool:
        self._ledger.accept()
        self._ledger.drop(1, reason)
        return False

    def _forget(self, chunk: Chunk, reason: DropReason | None) -> None:
        self._held_bytes -= len(chunk.data)
        self._count(chunk)
        if reason is None:
            self._ledger.deliver(chunk.records)
        else:
            self._ledger.drop(chunk.records, reason)

    def _count(self, chunk: Chunk) -> None:
        """Tell the ledger of the chunk's records that it does not know: a call for each one would be dear."""
        news = chunk.records - chunk.counted
        chunk.counted += news
        self._ledger.accept(news)


def _nothing() -> None:
    """Nobody waits yet."""
