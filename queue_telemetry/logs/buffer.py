"""The bounded buffer between the sink and the shipper: lines gathered in chunks, the oldest dropped when full."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from queue_telemetry._runtime import Clock, Delivery, DeliveryLedger, DropReason
from queue_telemetry.exceptions import ConfigurationError

__all__ = ["Chunk", "RecordBuffer"]

_MAX_RECORDS: Final = 1_000  # a batch; the least that a large collector takes, and larger ones are no faster


@dataclass(slots=True, eq=False)
class Chunk:
    """Lines that travel together.

    Attributes:
        number: Its place in the order, from 1.
        data: The lines, each with its newline. A bytearray, since encoded lines kept one by one hold ten times their
            length.
        records: How many lines.
        counted: How many of them the ledger knows of.
        due_s: Monotonic seconds at which it is to be sealed at the latest.
    """

    number: int
    data: bytearray = field(default_factory=bytearray)
    records: int = 0
    counted: int = 0
    due_s: float = 0.0


class RecordBuffer:
    """Holds lines until they are delivered or dropped, never more than a number of bytes.

    One chunk is open, sealed ones wait, at most one is in flight. A chunk in flight still counts as pending and as
    memory. The lock guards chunks, counts and the ledger's moves, so that both always agree; it is held for a few
    assignments. It is re-entrant: a signal handler may flush in the middle of an append.

    Args:
        max_bytes: Limit of all lines held.
        batch_bytes: A chunk's size; only a single longer line exceeds it.
        linger_s: How long a chunk stays open at most.
        ledger: Counts the records; only this buffer moves them in it. `read` brings it up to date.
        clock: Where the linger time comes from.

    Attributes:
        on_wake: Called without the lock when a chunk got its first record or was sealed. Must not raise.

    Raises:
        ConfigurationError: A limit is not positive, or a batch is larger than all memory.
    """

    def __init__(
        self, max_bytes: int, *, batch_bytes: int, linger_s: float, ledger: DeliveryLedger, clock: Clock
    ) -> None:
        if batch_bytes < 1:
            raise ConfigurationError(f"LOG_BATCH_BYTES is {batch_bytes}; it must be at least 1")
        if max_bytes < batch_bytes:
            raise ConfigurationError(
                f"LOG_MAX_MEMORY_BYTES is {max_bytes}; it must be at least LOG_BATCH_BYTES, {batch_bytes}"
            )
        if not 0 <= linger_s <= 3600:
            raise ConfigurationError(f"LOG_LINGER_S is {linger_s}; it must be between 0 and 3600 seconds")
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

    def append(self, line: bytes) -> None:
        """Take one line with its newline. Must not block and must not raise."""
        size = len(line)
        with self._lock:
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
        if first or full:
            self.on_wake()

    def seal(self) -> int:
        """Close the open chunk and return the number of the last sealed one."""
        with self._lock:
            if self._open.records:
                self._seal()
            return self._open.number - 1

    def seal_due(self) -> float | None:
        """Seal the open chunk if its time has come; return the seconds until then, None when it is empty."""
        with self._lock:
            if not self._open.records:
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
        with self._lock:
            if self._in_flight is not None or not self._sealed:
                return None
            self._in_flight = self._sealed.popleft()
            return self._in_flight

    def give_back(self, chunk: Chunk) -> None:
        """Return the chunk in flight to its place, to be tried again."""
        with self._lock:
            if self._in_flight is chunk:
                self._in_flight = None
                self._sealed.appendleft(chunk)

    def settle(self, chunk: Chunk, reason: DropReason | None = None) -> bool:
        """Let go of the chunk in flight: delivered, or dropped for *reason*; False when it was abandoned before."""
        with self._lock:
            if self._in_flight is not chunk:
                return False
            self._in_flight = None
            self._forget(chunk, reason)
            return True

    def settled(self, number: int) -> bool:
        """Tell whether every chunk up to *number* was delivered or dropped."""
        with self._lock:
            oldest = self._in_flight or (self._sealed[0] if self._sealed else None)
            return oldest is None or oldest.number > number

    def refuse(self) -> None:
        """Take nothing more; what still comes is counted and dropped as closed."""
        with self._lock:
            self._limit_bytes = -1  # so that an append has one limit to look at

    def abandon(self) -> int:
        """Drop all that is pending, for a shutdown, and return how many records that was."""
        with self._lock:
            self._seal()
            if self._in_flight is not None:
                self._sealed.appendleft(self._in_flight)
                self._in_flight = None
            lost = sum(chunk.records for chunk in self._sealed)
            while self._sealed:
                self._forget(self._sealed.popleft(), DropReason.SHUTDOWN)
            return lost

    def read(self) -> tuple[Delivery, int, int]:
        """Return the ledger's counts, the records held and the bytes held, as of one moment."""
        with self._lock:
            self._count(self._open)
            chunks = [*self._sealed, self._open]
            if self._in_flight is not None:
                chunks.append(self._in_flight)
            return self._ledger.read(), sum(chunk.records for chunk in chunks), self._held_bytes

    def _seal(self) -> Chunk:
        if self._open.records:
            self._count(self._open)
            self._sealed.append(self._open)
        self._open = Chunk(self._open.number + 1)
        return self._open

    def _make_room(self, size: int) -> bool:
        """Drop the oldest chunks until *size* more bytes fit; when they cannot, or none are taken, drop the line."""
        if self._limit_bytes < 0:
            return self._drop_line(DropReason.CLOSED)
        while self._held_bytes + size > self._limit_bytes:
            if not self._sealed:
                self._seal()
            if not self._sealed:
                return self._drop_line(DropReason.OVERFLOW)  # all memory is in flight
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
