"""The bounded buffer between the sink and the shipper: holds every record until it is delivered or dropped."""

import math
from collections.abc import Callable
from functools import partial
from typing import Final

from queue_telemetry._runtime import Clock, Delivery, DropReason
from queue_telemetry.logs._accounts import WAIT_S, Accounts, Capacity
from queue_telemetry.logs._admission import Admission
from queue_telemetry.logs._bisection import was_refused
from queue_telemetry.logs._holdings import Holdings
from queue_telemetry.logs._losses import Losses
from queue_telemetry.logs._outgoing import Outgoing
from queue_telemetry.logs._storing import Storing
from queue_telemetry.logs.spool import Spool

__all__ = ["MAX_RECORDS", "RecordBuffer"]

MAX_RECORDS: Final = 1_000  # a batch; the least that a large collector takes, and larger ones are no faster


class RecordBuffer(Outgoing):
    """Holds lines, in memory up to a number of bytes and above that in a spool where there is one.

    A chunk in flight still counts as pending and as memory. What a signal handler logs or closes in the middle of an
    append is done behind it. What it raises costs at most the record of that append.

    Args:
        max_bytes: Limit of all lines in memory.
        batch_bytes: A chunk's size; only a single longer line exceeds it.
        linger_s: How long a chunk stays open at most.
        clock: Where ages and the linger time come from.
        max_records: Most records of a chunk.
        max_age_s: After how many seconds a record is not worth sending.
        spool: Keeps copies on disk; None keeps none.

    Attributes:
        on_wake: Called without the lock when a chunk got its first record or was sealed. Must not raise.
    """

    def __init__(
        self,
        max_bytes: int,
        *,
        batch_bytes: int,
        linger_s: float,
        clock: Clock,
        max_records: int = MAX_RECORDS,
        max_age_s: float = math.inf,
        spool: Spool | None = None,
    ) -> None:
        accounts = Accounts(Capacity(max_bytes, batch_bytes, max_records, max_age_s), clock, spool)
        super().__init__(accounts, Storing(accounts))
        self.on_wake: Callable[[], None] = _nothing
        self._admission = Admission(accounts)
        self._lock = accounts.lock
        self._acquire, self._release = accounts.lock.lock.acquire, accounts.lock.lock.release
        self._clock = clock
        self._linger_s = linger_s
        self._max_bytes = max_bytes
        self._batch_bytes = batch_bytes
        self._max_records = max_records
        self._easy_bytes = max_bytes  # up to there an append has nothing else to look at

    def append(self, line: bytes, severe: bool = False) -> None:  # noqa: C901, FBT001, FBT002, PLR0912 - one path; a keyword costs a tenth more
        """Take one line with its newline. Must not wait for the network or a disk's sync, and must not raise.

        Args:
            line: Copied.
            severe: Whether it is of ERROR or above, and goes last where records must go.
        """
        lock, accounts = self._lock, self._accounts
        try:
            # Half the price of `with`. No call before it: a handler raises within it, or behind it with the lock held.
            self._acquire()
            if lock.taken:
                if not lock.park(partial(self.append, line, severe)):
                    accounts.passed_over += 1
                return
            try:
                lock.taken = True
                size = len(line)
                held = accounts.held
                if held.held_bytes + size > self._easy_bytes:
                    if not self._admission.admit(line, severe=severe):
                        return
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
                # No call from here to the last of these: no signal handler runs before all of them agree.
                chunk.data += line
                chunk.records = records = chunk.records + 1
                chunk.size_bytes = chunk_bytes = chunk_bytes + size
                held.held_bytes += size
                if records >= self._max_records or chunk_bytes >= self._batch_bytes:
                    accounts.commit(accounts.seal)
                    wake = True
            finally:
                lock.taken = False
        finally:
            try:  # noqa: SIM105 - a call before the release could be where a handler raises
                self._release()
            except RuntimeError:  # a handler raised while this waited
                pass
            if lock.parked and not lock.taken:
                lock.do_parked()
        if wake:
            self.on_wake()

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
        self._admission.refuses = True
        self._easy_bytes = -1

    def hand_over(self, successor: "RecordBuffer") -> None:
        """Have what comes after `refuse` go to a *successor*."""
        self._admission.pass_on = successor.append

    @property
    def is_interrupted(self) -> bool:
        """Whether the caller is a signal handler in the middle of an append or a change: nothing can be changed."""
        return self._storing.writer.is_mine or self._lock.is_mine

    def put_off(self, action: Callable[[], object]) -> bool:
        """Have *action* done behind an append or a change that the caller interrupts; False when it does not."""
        for lock in (self._storing.writer, self._lock):  # the outer one first: it is given back last
            if lock.is_mine:
                return lock.park(action, always=True)
        return False

    def abandon(self, until_s: float = math.inf) -> tuple[int, int]:
        """Leave all that is pending in the spool, and drop what is not taken there. It works on files.

        Args:
            until_s: When to write no more, in monotonic seconds.

        Returns:
            How many records were dropped, and how many of this process's own are left in the spool. None are yet in a
            signal handler that interrupts an append: it is done behind that.
        """
        if self.put_off(partial(self.abandon, until_s)):
            return 0, 0
        before = self.given_up
        self.stop()
        self._accounts.change(self._close_open, otherwise=None, wait_s=WAIT_S)
        self._storing.stores_parts = True
        while self._storing.store_next() and self._clock.monotonic() < until_s:
            pass
        self.let_go()
        self._storing.collect()
        return self.given_up - before, self.kept

    def let_go(self) -> None:
        """Drop what has no copy on disk. Touches no file."""
        self.stop()
        self._accounts.change(self._leave, otherwise=None, wait_s=WAIT_S)

    def close_spool(self) -> None:
        """Leave what is in the spool to the next process."""
        self._storing.close()

    @property
    def given_up(self) -> int:
        """How many records were dropped at the end."""
        dropped = self._accounts.held.dropped
        return dropped.get(DropReason.SHUTDOWN, 0) + dropped.get(DropReason.REJECTED, 0)

    @property
    def own_records(self) -> int:
        """How many of this process's own records are pending."""
        return sum([chunk.records for chunk in self._accounts.held.chunks if not chunk.adopted])

    @property
    def kept(self) -> int:
        """How many of this process's own records have a copy on disk."""
        chunks = self._accounts.held.chunks
        return sum([chunk.records for chunk in chunks if not chunk.adopted and chunk.disk is not None])

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
        return self._admission.refuses

    @property
    def not_written(self) -> int:
        """Records that could not be written ahead, and are in memory only."""
        return self._admission.not_written

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


def _nothing() -> None:
    """Nobody waits yet."""
