"""What is kept on disk: what waits too long in memory, and what goes when the spool is full."""

from collections.abc import Callable
from typing import Final, TypeVar

from queue_telemetry._runtime import DropReason, OwnedLock
from queue_telemetry.logs._accounts import Accounts
from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._holdings import Holdings
from queue_telemetry.logs.spool import Place

__all__ = ["Storing"]

T = TypeVar("T")

_PATIENCE_S: Final = 0.05  # a chunk is in the disk's cache within a millisecond, unless something is wrong


class Storing:
    """Writes chunks to the spool, oldest first and one at a time, whoever calls.

    The lock is not held meanwhile, but where lines are written ahead: there a slow disk is felt in any case. Over half of the memory the newest chunks are on disk only, since the oldest are sent first. A full spool drops what
    is oldest in it.

    Args:
        accounts: The chunks.
        writes_ahead: Whether each line is written before it is in a chunk.

    Attributes:
        stores_parts: Whether parts of a chunk get copies of their own too: in the end, so that no other part comes again.
            Before that, each part of what a collector refuses would be written for each request.
    """

    def __init__(self, accounts: Accounts, *, writes_ahead: bool) -> None:
        self._accounts = accounts
        self._spool = accounts.spool
        self._half_bytes: Final = accounts.capacity.max_bytes // 2
        # Held over the write of a chunk; who needs memory waits for it a moment.
        self._writer = accounts.lock if writes_ahead else OwnedLock()
        self._change = accounts.commit if writes_ahead else self._change_with_lock
        self._is_slow = False
        self.stores_parts = False

    @property
    def is_of_use(self) -> bool:
        """Whether the disk takes writes, as far as is known, and is not slow in it."""
        return self._spool is not None and not self._is_slow and not self._spool.pauses

    def relieve(self) -> None:
        """Over a quarter of the memory: write what waits, in its order. Over half: free the newest.

        Waits a moment for somebody who writes; when that was in vain, nobody does until he is done.
        """
        if self._spool is None:
            return
        stored: bool | None = True
        while stored and 2 * self._accounts.held.held_bytes > self._half_bytes:
            patience_s = 0.0 if self._is_slow else _PATIENCE_S
            stored = self._writer.run(patience_s, self._store_oldest, otherwise=None)
        if stored is None:
            self._is_slow = True
        if self._accounts.held.held_bytes > self._half_bytes:
            self._accounts.change(self._free_newest, otherwise=None)

    def store_next(self) -> bool:
        """Give the oldest sealed chunk without one its copy on disk.

        In order: a spool remembers up to where a segment is done, and after a restart the rest comes again.

        Returns:
            False when none is left, the disk is against it, or somebody writes.
        """
        return self._spool is not None and self._writer.run(0.0, self._store_oldest, otherwise=False)

    def write_ahead(self, line: bytes) -> Place | None:
        """Write one line, with the lock held. The place is `spool.unclaimed` until it is in a chunk."""
        return self._write(line, 1)

    def collect(self) -> None:
        """Let go of what an interrupt left on disk of a record that was not taken in."""
        if self._spool is not None and self._spool.unclaimed is not None:
            self._writer.run(_PATIENCE_S, self._collect, otherwise=None)
        self._accounts.clear()

    def _store_oldest(self) -> bool:
        try:
            chunk = self._change(self._begin)
            if chunk is None:
                return False
            place = self._write(chunk.data, chunk.records)
            if place is None or not self._change(lambda held: self._store(held, chunk, place)):
                return False
            self._spool.unclaimed = None  # type: ignore[union-attr]  # a chunk has it now, or it is to be acknowledged
            return True
        finally:
            self._is_slow = False
            self._change(_end)
            self._accounts.clear()

    def _write(self, lines: bytes | bytearray, records: int) -> Place | None:
        """Write lines to the spool; while it is full, the oldest that is in it goes first."""
        spool = self._spool
        if spool is None:
            return None
        if spool.unclaimed is not None:
            self._collect()
        while not spool.room_for(len(lines)):
            if not self._change(self._drop_oldest):
                return None
            self._accounts.clear()
        return spool.write(lines, records)

    def _collect(self) -> None:
        spool = self._spool
        orphan = None if spool is None else spool.unclaimed
        if spool is None or orphan is None:
            return
        # whoever wrote it was interrupted before, or just after, it was in a chunk
        held = self._accounts.held
        if orphan not in held.unneeded and not any(_is_in(orphan, chunk) for chunk in held.chunks):
            spool.take_back(orphan)
        spool.unclaimed = None

    def _change_with_lock(self, action: Callable[[Holdings], T]) -> T | None:
        return self._accounts.change(action, otherwise=None)

    def _drop_oldest(self, held: Holdings) -> bool:
        stored = [chunk for chunk in held.waiting() if chunk.disk is not None]
        if not stored:
            return False
        oldest = max(stored, key=self._accounts.age_s)  # what the dead left waits behind what is newer
        held.forget(oldest, DropReason.SPOOL_FULL, self._accounts.clock.time())
        return True

    def _store(self, held: Holdings, chunk: Chunk, place: Place) -> bool:
        if chunk not in held.chunks or chunk is held.in_flight:
            held.unneeded = (*held.unneeded, place)  # it was sent or dropped meanwhile, or is just being sent
        else:
            index = held.chunks.index(chunk)
            held.being_stored = None
            held.store(chunk, place)
            held.join(index, self._accounts.capacity.max_records, self._accounts.capacity.batch_bytes)
        return True

    def _begin(self, held: Holdings) -> Chunk | None:
        waiting = (chunk for chunk in held.waiting() if chunk.data)
        stored = (chunk for chunk in waiting if chunk.disk is None or (self.stores_parts and chunk.is_part))
        held.being_stored = next(stored, None)
        return held.being_stored

    def _free_newest(self, held: Holdings) -> None:
        for chunk in reversed(held.waiting()):
            if held.held_bytes <= self._half_bytes:
                return
            if chunk.data and chunk.is_safe:
                held.free(chunk)


def _end(held: Holdings) -> None:
    held.being_stored = None


def _is_in(place: Place, chunk: Chunk) -> bool:
    disk = chunk.disk
    return disk is not None and disk.segment == place.segment and disk.start <= place.start < disk.end
