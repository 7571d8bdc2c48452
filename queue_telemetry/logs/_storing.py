"""What is kept on disk: what waits too long in memory, and what goes when the spool is full."""

from collections.abc import Callable
from typing import Final

from queue_telemetry._runtime import DropReason, OwnedLock
from queue_telemetry.logs._accounts import Accounts
from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._holdings import Holdings
from queue_telemetry.logs.spool import Place

__all__ = ["Storing"]

_PATIENCE_S: Final = 0.05  # a chunk is in the disk's cache within a millisecond, unless something is wrong


class Storing:
    """Writes chunks to the spool, oldest first and one at a time, whoever calls; the lock is not held meanwhile.

    Over half of the memory the newest chunks are on disk only, since the oldest are sent first. A full spool drops what
    is oldest in it.

    Args:
        accounts: The chunks.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._spool = accounts.spool
        self._half_bytes: Final = accounts.capacity.max_bytes // 2
        self._writer = OwnedLock()  # held over the write of a chunk; who needs memory waits for it a moment
        self._is_slow = False

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
        return self._write(line, 1, self._accounts.commit)

    def _store_oldest(self) -> bool:
        try:
            chunk = self._accounts.change(_begin, otherwise=None)
            if chunk is None:
                return False
            place = self._write(chunk.data, chunk.records, self._change)
            return place is not None and self._accounts.change(
                lambda held: self._store(held, chunk, place), otherwise=False
            )
        finally:
            self._is_slow = False
            self._accounts.change(_end, otherwise=None)
            self._accounts.clear()

    def _write(
        self, lines: bytes | bytearray, records: int, change: Callable[[Callable[[Holdings], bool]], bool]
    ) -> Place | None:
        """Write lines to the spool; while it is full, the oldest that is in it goes first."""
        spool = self._spool
        if spool is None:
            return None
        orphan = spool.unclaimed
        if orphan is not None:  # whoever wrote it was interrupted before, or just after, it was in a chunk
            if not any(_is_in(orphan, chunk) for chunk in self._accounts.held.chunks):
                spool.acknowledge(orphan)
            spool.unclaimed = None
        while not spool.room_for(len(lines)):
            if not change(self._drop_oldest):
                return None
            self._accounts.clear()
        return spool.write(lines, records)

    def _change(self, action: Callable[[Holdings], bool]) -> bool:
        return self._accounts.change(action, otherwise=False)

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

    def _free_newest(self, held: Holdings) -> None:
        for chunk in reversed(held.waiting()):
            if held.held_bytes <= self._half_bytes:
                return
            if chunk.data and chunk.is_safe:
                held.free(chunk)


def _begin(held: Holdings) -> Chunk | None:
    waiting = (chunk for chunk in held.waiting() if chunk.data and not chunk.is_safe)
    held.being_stored = next(waiting, None)
    return held.being_stored


def _end(held: Holdings) -> None:
    held.being_stored = None


def _is_in(place: Place, chunk: Chunk) -> bool:
    disk = chunk.disk
    return disk is not None and disk.segment == place.segment and disk.start <= place.start < disk.end
