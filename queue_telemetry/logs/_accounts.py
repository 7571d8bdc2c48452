"""The chunks of a buffer with their accounts and their lock: every change is made at once or not at all."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from queue_telemetry._runtime import Clock, Delivery, DropReason, OwnedLock
from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._holdings import Holdings
from queue_telemetry.logs._losses import Losses
from queue_telemetry.logs.spool import Spool

__all__ = ["WAIT_S", "Accounts", "Capacity"]

T = TypeVar("T")

WAIT_S: Final = 1.0  # for the lock, where somebody waits: a signal handler may keep whom it interrupts from giving it back
_READ_WAIT_S: Final = 0.01  # the same, for who only looks


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much is held.

    Attributes:
        max_bytes: Limit of all lines in memory.
        batch_bytes: A chunk's size; only a single longer line exceeds it.
        max_records: Most records of a chunk.
        max_age_s: After how many seconds a record is not worth sending.
    """

    max_bytes: int
    batch_bytes: int
    max_records: int
    max_age_s: float = math.inf


class Accounts:
    """Holds the chunks. A change works on a copy of all, which takes its place by one assignment.

    So an exception at any byte code, as a signal handler raises it, leaves all as it was before or as it is after; what
    has to be done on disk behind a change is remembered in it, and done again until it is done. The lock guards the
    holdings, is not held while a disk is waited for, and a thread gets it once: a signal handler that interrupts a change
    makes none.

    Args:
        capacity: How much is held.
        clock: For ages and for the span of losses.
        spool: Keeps copies on disk; None keeps none.

    Attributes:
        held: What is held. Replaced with each change; only the open chunk, and the bytes held, grow in place.
        lock: The lock.
        passed_over: Records that a signal handler logged in the middle of a change, more than can be parked.
    """

    def __init__(self, capacity: Capacity, clock: Clock, spool: Spool | None) -> None:
        self.lock = OwnedLock()
        self.capacity = capacity
        self.clock = clock
        self.spool = spool
        self.held = Holdings([Chunk(1)])
        self.passed_over = 0
        self._last_read = (self.held.read(), 0, 0)

    def change(self, action: Callable[[Holdings], T], *, otherwise: T, wait_s: float = -1.0) -> T:
        """Make a change, with the lock.

        Args:
            action: Changes a copy of the holdings. Does nothing that cannot be undone.
            otherwise: What to return when no change can be made now.
            wait_s: How long to wait for the lock; -1 for as long as it takes.
        """
        return self.lock.run(wait_s, lambda: self.commit(action), otherwise=otherwise)

    def commit(self, action: Callable[[Holdings], T]) -> T:
        """Make a change where the lock is held already."""
        held = self.held.copy()
        result = action(held)
        self.held = held
        return result

    def drop(self, records: int, reason: DropReason) -> None:
        """Count records that are not held, where the lock is held already."""
        now_s = self.clock.time()
        self.commit(lambda held: held.drop(records, reason, now_s))

    def seal(self, held: Holdings) -> None:
        """Close the open chunk, as part of a change."""
        held.seal(self.capacity.max_records, self.capacity.batch_bytes)

    def age_s(self, chunk: Chunk) -> float:
        """Return how old a chunk is. The wall clock may be set; only what came from another process knows no other."""
        return (self.clock.time() if chunk.adopted else self.clock.monotonic()) - chunk.born_s

    def read(self) -> tuple[Delivery, int, int]:
        """Return the counts, the records pending and the bytes in memory, as of one moment.

        As of the last reading when a change is in the way that this interrupts, or another signal handler.
        """
        self._last_read = last = self.lock.run(_READ_WAIT_S, self._read, otherwise=self._last_read)
        return last

    def take_losses(self) -> Losses:
        """Return what was lost since the last call."""

        def take(held: Holdings) -> Losses:
            losses = held.losses()
            held.told = held.dropped.copy()
            return losses

        return self.change(take, otherwise=Losses({}), wait_s=WAIT_S)

    def clear(self) -> None:
        """Acknowledge the copies that nobody needs, in the spool's memory; without the lock, since that has its own."""
        spool, places = self.spool, self.held.unneeded
        if spool is None or not places:
            return
        done = [place for place in places if spool.acknowledge(place)]
        self.change(lambda held: held.acknowledged(done), otherwise=None)

    def fold(self) -> None:
        """Count what was passed over, where the lock is held already."""
        while self.passed_over:
            now_s = self.clock.time()
            held = self.held.copy()
            records = self.passed_over
            held.drop(records, DropReason.OVERFLOW, now_s)
            self.passed_over -= records  # no call between these two, so that no signal handler runs
            self.held = held

    def _read(self) -> tuple[Delivery, int, int]:
        self.fold()
        delivery = self.held.read()
        return delivery, delivery.pending, self.held.held_bytes
