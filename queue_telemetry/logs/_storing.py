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

_PATIENCE_S: Final = 0.05
"""For who writes: that is in the disk's cache within a millisecond, unless something is wrong."""


class Storing:
    """Writes to the spool, chunks in their order and lines as they come, one at a time.

    Over half of the memory the newest chunks are on disk only, since the oldest are sent first. A full spool drops what
    is oldest in it.

    Args:
        accounts: The chunks.

    Attributes:
        writer: Held over a write, and by nobody who logs where lines are not written ahead.
        stores_parts: Whether parts of a chunk get copies of their own too: in the end, so that no other part comes again.
            Before that, each part of what a collector refuses would be written for each request.
    """

    def __init__(self, accounts: Accounts) -> None:
        self.writer = OwnedLock()
        self.stores_parts = False
        self._accounts = accounts
        self._spool = accounts.spool
        self._half_bytes: Final = accounts.capacity.max_bytes // 2

    def relieve(self) -> None:
        """Over a quarter of the memory: write what waits, in its order. Over half: free the newest."""
        while 2 * self._accounts.held.held_bytes > self._half_bytes and self.store_next():
            pass
        if self._spool is not None and self._accounts.held.held_bytes > self._half_bytes:
            self._accounts.change(self._free_newest, otherwise=None)

    def store_next(self) -> bool:
        """Give the oldest sealed chunk without one its copy on disk.

        In order: a spool remembers up to where a segment is done, and after a restart the rest comes again.

        Returns:
            False when none is left, the disk is against it, or somebody else does not come back from it.
        """
        return self._spool is not None and self.writer.run(_PATIENCE_S, self._store_oldest, otherwise=False)

    def write_ahead(self, line: bytes) -> Place | None:
        """Write one line, with `writer` held. The place is `spool.unclaimed` until it is in a chunk."""
        return self._write(line, 1)

    def collect(self) -> None:
        """Let go of what an interrupt left on disk of a record that was not taken in."""
        if self._spool is not None and self._spool.unclaimed is not None:
            self.writer.run(_PATIENCE_S, self._collect, otherwise=None)
        self._accounts.clear()

    def close(self) -> None:
        """Close the spool, or leave its files as they are where somebody does not come back from it."""
        spool = self._spool
        if spool is None:
            return

        def close() -> bool:
            spool.close()
            return True

        if not self.writer.run(_PATIENCE_S, close, otherwise=False):
            spool.abandon()

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
            self._change(_end)
            self._accounts.clear()

    def _write(self, lines: bytes | bytearray, records: int) -> Place | None:
        """Write lines to the spool; while it is full, the oldest that is in it goes first."""
        spool = self._spool
        if spool is None or spool.pauses:
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

    def _change(self, action: Callable[[Holdings], T]) -> T | None:
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
