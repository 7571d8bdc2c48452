"""The way into the buffer of a line that it cannot just add: it is passed on, or room is made for it."""

from collections.abc import Callable
from functools import partial

from queue_telemetry._runtime import DropReason
from queue_telemetry.logs._accounts import Accounts
from queue_telemetry.logs._eviction import evict
from queue_telemetry.logs._holdings import Holdings

__all__ = ["Admission"]


class Admission:
    """Admits lines, under the lock of the accounts.

    Args:
        accounts: The chunks.

    Attributes:
        writes_ahead: Whether each other line is in the spool before it is in a chunk.
        refuses: Whether nothing more is taken.
        pass_on: Takes what is refused, without the lock; None counts it as closed.
        not_written: Lines that could not be written ahead, and are in memory only.
    """

    def __init__(self, accounts: Accounts) -> None:
        self.writes_ahead = False
        self.refuses = False
        self.pass_on: Callable[[bytes, bool], None] | None = None
        self.not_written = 0
        self._accounts = accounts
        self._capacity = accounts.capacity
        self._spent: Holdings | None = None  # in which nothing goes for a record below ERROR

    def admit(self, line: bytes, *, severe: bool) -> bool:
        """Find memory for a line, with the lock held; False when there is none, or it is not to be taken."""
        if self.refuses:
            self._refuse(line, severe=severe)
            return False
        if self.writes_ahead:
            self.not_written += 1
            if self._accounts.held.chunks[-1].disk is not None:
                self._accounts.commit(self._accounts.seal)
        if self._accounts.held.held_bytes + len(line) > self._capacity.max_bytes and not self._make_room(
            len(line), severe=severe
        ):
            self._accounts.drop(1, DropReason.OVERFLOW)
            self._spent = None if severe else self._accounts.held
            return False
        return True

    def _refuse(self, line: bytes, *, severe: bool) -> None:
        if self.pass_on is None:
            self._accounts.drop(1, DropReason.CLOSED)
        elif not self._accounts.lock.park(partial(self.pass_on, line, severe)):
            self._accounts.drop(1, DropReason.OVERFLOW)

    def _make_room(self, size: int, *, severe: bool) -> bool:
        """Free memory until *size* more bytes fit, with the lock held; False when dropping others would not help."""
        if self._spent is self._accounts.held and not severe:
            return False
        limit_bytes = self._capacity.max_bytes - size
        now_s = self._accounts.clock.time()

        def make_room(held: Holdings) -> bool:
            in_flight = held.in_flight
            if held.reserved_bytes + (0 if in_flight is None else len(in_flight.data)) > limit_bytes:
                return False
            evict(held, self._capacity, limit_bytes, now_s, severe=severe)
            if held.held_bytes > limit_bytes:
                self._accounts.seal(held)
                evict(held, self._capacity, limit_bytes, now_s, severe=severe)
            return held.held_bytes <= limit_bytes

        return self._accounts.commit(make_room)
