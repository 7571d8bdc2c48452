"""The way into the buffer of a line that it cannot just add: it is written ahead, or room is made for it."""

from queue_telemetry._runtime import DropReason
from queue_telemetry.logs._accounts import Accounts
from queue_telemetry.logs._eviction import evict
from queue_telemetry.logs._holdings import Holdings
from queue_telemetry.logs._storing import Storing
from queue_telemetry.logs.spool import Place

__all__ = ["Admission"]


class Admission:
    """Admits lines, under the lock of the accounts.

    Args:
        accounts: The chunks.
        storing: Writes ahead.
        writes_ahead: Whether each line is in the spool before it is in a chunk.

    Attributes:
        refuses: Whether nothing more is taken.
        not_written: Lines that could not be written ahead, and are in memory only.
    """

    def __init__(self, accounts: Accounts, storing: Storing, *, writes_ahead: bool) -> None:
        self.refuses = False
        self.not_written = 0
        self._accounts = accounts
        self._storing = storing
        self._capacity = accounts.capacity
        self._writes_ahead = writes_ahead

    def admit(self, line: bytes, *, severe: bool) -> tuple[bytes, Place | None] | None:
        """Write a line ahead, or find memory for it; with the lock held.

        Returns:
            What is to be kept in memory, nothing where that is short and it is on disk, and the open chunk's copy with
            it. None when it was dropped.
        """
        if self.refuses:
            self._accounts.drop(1, DropReason.CLOSED)
            return None
        if self._writes_ahead:
            place = self._storing.write_ahead(line)
            if place is not None:
                return self._lay_down(line, place)
            self.not_written += 1
            if self._accounts.held.chunks[-1].disk is not None:
                self._accounts.commit(self._accounts.seal)
        if self._accounts.held.held_bytes + len(line) > self._capacity.max_bytes and not self._make_room(
            len(line), severe=severe
        ):
            self._accounts.drop(1, DropReason.OVERFLOW)
            return None
        return line, None

    def _lay_down(self, line: bytes, place: Place) -> tuple[bytes, Place]:
        chunk = self._accounts.held.chunks[-1]
        if chunk.records:
            joined = None if chunk.disk is None else chunk.disk.join(place)
            if joined is None or chunk.size_bytes + len(line) > self._capacity.batch_bytes:
                self._accounts.commit(self._accounts.seal)
            else:
                place = joined
        held = self._accounts.held
        chunk = held.chunks[-1]
        is_kept = (
            len(chunk.data) == chunk.size_bytes
            and 2 * (held.held_bytes + len(line)) <= self._capacity.max_bytes
        )
        return (line if is_kept else b""), place

    def _make_room(self, size: int, *, severe: bool) -> bool:
        """Free memory until *size* more bytes fit, with the lock held; False when dropping others would not help."""
        limit_bytes = self._capacity.max_bytes - size
        now_s = self._accounts.clock.time()

        def make_room(held: Holdings) -> bool:
            in_flight = held.in_flight
            if held.reserved_bytes + (0 if in_flight is None else len(in_flight.data)) > limit_bytes:
                return False
            evict(held, limit_bytes, now_s, severe=severe)
            if held.held_bytes > limit_bytes:
                self._accounts.seal(held)
                evict(held, limit_bytes, now_s, severe=severe)
            return held.held_bytes <= limit_bytes

        return self._accounts.commit(make_room)
