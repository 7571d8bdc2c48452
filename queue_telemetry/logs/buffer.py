"""The bounded buffer between the sink and the shipper: holds every record until it is delivered or dropped."""

import math
from collections.abc import Callable
from typing import Final

from queue_telemetry._runtime import Clock, Delivery, DropReason
from queue_telemetry.logs._accounts import WAIT_S, Accounts, Capacity
from queue_telemetry.logs._bisection import was_refused
from queue_telemetry.logs._eviction import evict
from queue_telemetry.logs._holdings import Holdings
from queue_telemetry.logs._losses import Losses
from queue_telemetry.logs._outgoing import Outgoing
from queue_telemetry.logs._storing import Storing
from queue_telemetry.logs.spool import Place, Spool

__all__ = ["RecordBuffer"]

_MAX_RECORDS: Final = 1_000  # a batch; the least that a large collector takes, and larger ones are no faster


class RecordBuffer(Outgoing):
    """Holds lines, in memory up to a number of bytes and above that in a spool where there is one.

    A chunk in flight still counts as pending and as memory. A signal handler may flush or close in the middle of an
    append; such a call finds the buffer busy and changes nothing. What it raises costs at most the record of that append.

    Args:
        max_bytes: Limit of all lines in memory.
        batch_bytes: A chunk's size; only a single longer line exceeds it.
        linger_s: How long a chunk stays open at most.
        clock: Where ages and the linger time come from.
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
        clock: Clock,
        max_records: int = _MAX_RECORDS,
        max_age_s: float = math.inf,
        spool: Spool | None = None,
        writes_ahead: bool = False,
    ) -> None:
        accounts = Accounts(Capacity(max_bytes, batch_bytes, max_records, max_age_s), clock, spool)
        super().__init__(accounts, Storing(accounts, writes_ahead=writes_ahead))
        self.on_wake: Callable[[], None] = _nothing
        self.not_written = 0
        self._lock = accounts.lock
        self._clock = clock
        self._spool = spool
        self._linger_s = linger_s
        self._max_bytes = max_bytes
        self._batch_bytes = batch_bytes
        self._max_records = max_records
        self._writes_ahead = writes_ahead
        self._refusing = False
        self._abandoned = False
        self._until_s = math.inf
        self._spent: Holdings | None = None  # in which nothing goes for a record below ERROR
        # up to there an append has nothing else to look at
        self._easy_bytes = -1 if writes_ahead else max_bytes
        self._pressing_bytes = math.inf if spool is None else 3 * max_bytes // 4

    def append(self, line: bytes, severe: bool = False) -> None:  # noqa: C901, FBT001, FBT002 - one path; a keyword costs a tenth more
        """Take one line with its newline. Must not wait for the network or a disk's sync, and must not raise.

        Args:
            line: Copied.
            severe: Whether it is of ERROR or above, and goes last where records must go.
        """
        lock, accounts = self._lock, self._accounts
        if accounts.held.held_bytes > self._pressing_bytes and self._storing.is_of_use:
            self._storing.relieve()
        with lock.lock:
            if lock.taken:
                accounts.passed_over += 1
                return
            try:
                lock.taken = True
                size = len(line)
                held = accounts.held
                place: Place | None = None
                if held.held_bytes + size > self._easy_bytes:
                    admitted = self._admit(line, severe)
                    if admitted is None:
                        return
                    line, place = admitted
                    held = accounts.held
                chunk = held.chunks[-1]
                chunk_bytes = chunk.size_bytes
                if chunk_bytes and chunk_bytes + size > self._batch_bytes:
                    accounts.commit(accounts.seal)
                    held = accounts.held
                    chunk, chunk_bytes = held.chunks[-1], 0
                if wake := not chunk_bytes:
                    chunk.born_s = now_s = self._clock.monotonic()
                    chunk.due_s = now_s + self._linger_s
                if severe:
                    chunk.severe.append(chunk_bytes)
                held_bytes = held.held_bytes + len(line)
                # No call from here to the last of these: no signal handler runs before all of them agree.
                chunk.data += line
                chunk.records = records = chunk.records + 1
                chunk.size_bytes = chunk_bytes = chunk_bytes + size
                held.held_bytes = held_bytes
                if place is not None:
                    chunk.disk = place
                    self._spool.unclaimed = None  # type: ignore[union-attr]  # the chunk has it now
                if records >= self._max_records or chunk_bytes >= self._batch_bytes:
                    accounts.commit(accounts.seal)
                    wake = True
            finally:
                lock.taken = False
        if wake or self._abandoned:
            self._tidy()
        if wake:
            self.on_wake()

    def _admit(self, line: bytes, severe: bool) -> tuple[bytes, Place | None] | None:  # noqa: FBT001
        """Take the way of a line that is not easy, with the lock held: write it ahead, or find memory for it.

        Returns:
            What is to be kept in memory, nothing where that is short and it is on disk, and the open chunk's copy with
            it. None when it was dropped.
        """
        if self._refusing:
            self._accounts.drop(1, DropReason.CLOSED)
            return None
        if self._writes_ahead:
            place = self._storing.write_ahead(line)
            if place is not None:
                return self._lay_down(line, place)
            self.not_written += 1
            if self._accounts.held.chunks[-1].disk is not None:
                self._accounts.commit(self._accounts.seal)
        if self._accounts.held.held_bytes + len(line) > self._max_bytes and not self._make_room(
            len(line), severe=severe
        ):
            self._accounts.drop(1, DropReason.OVERFLOW)
            self._spent = None if severe else self._accounts.held
            return None
        return line, None

    def _lay_down(self, line: bytes, place: Place) -> tuple[bytes, Place]:
        chunk = self._accounts.held.chunks[-1]
        if chunk.records:
            joined = None if chunk.disk is None else chunk.disk.join(place)
            if joined is None or chunk.size_bytes + len(line) > self._batch_bytes:
                self._accounts.commit(self._accounts.seal)
            else:
                place = joined
        held = self._accounts.held
        chunk = held.chunks[-1]
        is_kept = len(chunk.data) == chunk.size_bytes and 2 * (held.held_bytes + len(line)) <= self._max_bytes
        return (line if is_kept else b""), place

    def _make_room(self, size: int, *, severe: bool) -> bool:
        """Free memory until *size* more bytes fit, with the lock held; False when dropping others would not help."""
        if self._spent is self._accounts.held and not severe:
            return False
        limit_bytes, capacity = self._max_bytes - size, self._accounts.capacity
        now_s = self._clock.time()

        def make_room(held: Holdings) -> bool:
            in_flight = held.in_flight
            if held.reserved_bytes + (0 if in_flight is None else len(in_flight.data)) > limit_bytes:
                return False
            evict(held, capacity, limit_bytes, now_s, severe=severe)
            if held.held_bytes > limit_bytes:
                self._accounts.seal(held)
                evict(held, capacity, limit_bytes, now_s, severe=severe)
            return held.held_bytes <= limit_bytes

        return self._accounts.commit(make_room)

    def _tidy(self) -> None:
        """Do without the lock what an append made necessary."""
        if self._abandoned:  # in the middle of an append
            self._put_away()
        elif self._spool is not None:
            if 2 * self._accounts.held.held_bytes > self._max_bytes:
                self._storing.relieve()
            self._accounts.clear()

    def seal(self) -> int:
        """Close the open chunk and return a number: what was appended before is in chunks up to that."""

        def seal(held: Holdings) -> int:
            self._accounts.seal(held)
            return held.chunks[-1].number - 1

        return self._accounts.change(seal, otherwise=self._accounts.held.chunks[-1].number + 1, wait_s=WAIT_S)

    def seal_due(self) -> float | None:
        """Seal the open chunk if its time has come; return the seconds until then, None when it is empty."""

        def seal(held: Holdings) -> float | None:
            chunk = held.chunks[-1]
            left_s = chunk.due_s - self._clock.monotonic()
            if not chunk.records or left_s > 0:
                return left_s if chunk.records else None
            self._accounts.seal(held)
            return None

        return self._accounts.change(seal, otherwise=None)

    def refuse(self) -> None:
        """Take nothing more; what still comes is counted and dropped as closed."""
        self._refusing = True
        self._easy_bytes = -1

    def abandon(self, until_s: float = math.inf) -> tuple[int, int]:
        """Leave all that is pending in the spool, and drop what is not taken there.

        Args:
            until_s: When to write no more, in monotonic seconds.

        Returns:
            How many records were dropped, and how many of this process's own are left in the spool.
        """
        before = self._given_up()
        self._until_s = until_s
        self._abandoned = True
        self.stop()
        self._put_away()
        left = sum(chunk.records for chunk in self._accounts.held.chunks if not chunk.adopted)
        dropped = self._given_up() - before
        return (dropped + left, 0) if self._spool is None else (dropped, left)

    def take_losses(self) -> Losses:
        """Return what was lost since the last call."""
        return self._accounts.take_losses()

    def read(self) -> tuple[Delivery, int, int]:
        """Return the counts, the records pending and the bytes in memory, as of one moment."""
        return self._accounts.read()

    @property
    def history(self) -> Holdings:
        """What is held and what became of the rest: for whoever looks, not to be changed."""
        return self._accounts.held

    @property
    def batch_limits(self) -> tuple[int, int]:
        """Most bytes and most records of a chunk."""
        return self._batch_bytes, self._max_records

    @property
    def refusing(self) -> bool:
        """Whether nothing more is taken."""
        return self._refusing

    def _put_away(self) -> None:
        self._accounts.change(self._close_open, otherwise=None, wait_s=WAIT_S)
        self._storing.stores_parts = True
        while self._storing.store_next() and self._clock.monotonic() < self._until_s:
            pass
        self._accounts.change(self._leave, otherwise=None, wait_s=WAIT_S)
        self._storing.collect()

    def _close_open(self, held: Holdings) -> None:
        held.land()
        self._accounts.seal(held)

    def _leave(self, held: Holdings) -> None:
        now_s = self._clock.time()
        self._close_open(held)
        for chunk in held.chunks[:-1]:
            if chunk.disk is None:
                reason = DropReason.REJECTED if was_refused(chunk) else DropReason.SHUTDOWN
                held.forget(chunk, reason, now_s)
            else:
                held.free(chunk)  # of a part that could not be stored alone, the whole is there

    def _given_up(self) -> int:
        dropped = self._accounts.held.dropped
        return dropped.get(DropReason.SHUTDOWN, 0) + dropped.get(DropReason.REJECTED, 0)


def _nothing() -> None:
    """Nobody waits yet."""
