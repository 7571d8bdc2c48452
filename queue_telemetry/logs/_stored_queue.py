"""Where chunks are kept: in memory up to a limit, above it on disk, and what goes when both are full. Has no lock."""

from typing import Final

from queue_telemetry._runtime import DropReason
from queue_telemetry.logs._bisection import suspected
from queue_telemetry.logs._chunk import Chunk, OnDisk
from queue_telemetry.logs._chunk_queue import ChunkQueue
from queue_telemetry.logs._eviction import thin
from queue_telemetry.logs._split import cut_after, split_at
from queue_telemetry.logs.spool import Place

__all__ = ["StoredQueue"]

_STORED_AT_ONCE: Final = 2  # chunks for each that is sealed, so that none waits long for the disk


class StoredQueue(ChunkQueue):
    """A queue that keeps to its limit of memory.

    With a spool: over half of it, the newest chunks are on disk only, since the oldest are sent first. Without one, or
    when the disk takes nothing: the oldest records are dropped, those of ERROR and above last. A full spool drops what
    is oldest in it.
    """

    def _seal(self) -> Chunk:
        """Close the open chunk if it holds anything and return the new one."""
        chunk = self._open
        if chunk.records:
            self._count(chunk)
            if chunk.disk is not None:
                chunk.severe = []  # only for choosing what to drop, and what has a copy is not dropped for memory
                if len(chunk.data) < chunk.size_bytes:
                    self._release(chunk)  # not all of its lines were kept in memory too
            if not (self._sealed and self._join(self._sealed[-1], chunk)):
                self._sealed.append(chunk)
            if self._spool is not None:
                self._relieve()
        self._open = Chunk(chunk.number + 1)
        return self._open

    def _relieve(self, *, wholly: bool = False) -> None:
        """Over a quarter of the memory: write what waits, in its order and not all at once. Over half: free the newest.

        Args:
            wholly: Write all of it now.
        """
        stored = 0
        while 4 * self._held_bytes > self._max_bytes and (wholly or stored < _STORED_AT_ONCE):
            if not self._store_oldest():
                break
            stored += 1
        for chunk in reversed(self._sealed):
            if 2 * self._held_bytes <= self._max_bytes:
                return
            if chunk.disk is not None and not chunk.disk.split:
                self._release(chunk)

    def _store_oldest(self) -> bool:
        """Write the oldest sealed chunk without a copy; False when there is none or the disk does not take it.

        In order: a spool remembers up to where a segment is done, and after a restart the rest comes again.
        """
        chunk = next((chunk for chunk in self._sealed if chunk.disk is None), None)
        if chunk is None or not self._store(chunk):
            return False
        index = self._sealed.index(chunk)  # others may have made room
        if index and self._join(self._sealed[index - 1], chunk):
            del self._sealed[index]
        return True

    def _store(self, chunk: Chunk) -> bool:
        """See that a chunk has a copy of its own; False when the disk does not take it."""
        if not chunk.data or (chunk.disk is not None and not chunk.disk.split):
            return True
        place = self._write(chunk.data, chunk.records, chunk)
        if place is None:
            return False
        shared = chunk.disk
        if shared is not None and self._spool is not None:
            shared.parts -= 1
            if shared.parts == 0:
                self._spool.acknowledge(shared.place)
        chunk.disk = OnDisk(place)
        chunk.severe = []
        return True

    def _write(self, lines: bytes | bytearray, records: int, chunk: Chunk | None = None) -> Place | None:
        """Write lines to the spool; while it is full, the oldest that is in it goes first."""
        if self._spool is None:
            return None
        while not self._spool.room_for(len(lines)):
            stored = (other for other in self._sealed if other.disk and other is not chunk)
            oldest = min(stored, key=_born_s, default=None)  # what the dead left waits behind what is newer
            if oldest is None:
                return None
            self._sealed.remove(oldest)
            self._forget(oldest, DropReason.SPOOL_FULL)
        return self._spool.write(lines, records)

    def _lay_down(self, place: Place) -> Chunk:
        """Return the open chunk with *place* added to its copy, or a new one where it cannot be added."""
        chunk = self._open
        joined: Place | None = place
        if chunk.records:
            joined = None if chunk.disk is None else chunk.disk.place.join(place)
            if joined is None or chunk.size_bytes + place.bytes > self._batch_bytes:
                chunk, joined = self._seal(), place
        if chunk.disk is None or joined is None:
            chunk.disk = OnDisk(place)
        else:
            chunk.disk.place = joined
        return chunk

    def _load(self, chunk: Chunk, lines: bytearray) -> bool:
        """Take in what was read of a chunk's copy; False when nothing of it is left."""
        records = min(lines.count(b"\n"), chunk.records)
        self._drop(chunk.records - records, DropReason.DAMAGED)
        chunk.records = chunk.counted = records
        chunk.data = lines
        chunk.size_bytes = len(lines)
        self._held_bytes += len(lines)
        if not records:
            self._let_go(chunk)
        return records > 0

    def _fitting(self) -> Chunk | None:
        """Remove and return the oldest chunk, or where its lines do not fit into memory the oldest that is there."""
        chunk = self._next()
        if chunk is None or chunk.data:
            return chunk
        if self._held_bytes + chunk.size_bytes > self._max_bytes:
            self._relieve(wholly=True)
        if self._held_bytes + chunk.size_bytes <= self._max_bytes:
            return chunk
        other = next((other for other in self._sealed if other.data), None)
        if other is None:
            return chunk  # all memory is the open chunk's, which is no more than a batch
        self._sealed.remove(other)
        self._sealed.appendleft(chunk)
        return other

    def _cut(self, chunk: Chunk, max_bytes: int | None) -> Chunk:
        """Leave of a chunk no more whole lines than fit; the rest goes to the front. Parts of a refused batch stay."""
        data = chunk.data
        if max_bytes is None or len(data) <= max_bytes or suspected(chunk) is not None:
            return chunk
        cut = cut_after(data, max_bytes)
        if cut >= len(data):
            return chunk
        head, rest = split_at(chunk, cut)
        self._let_go(chunk, 2)
        self._held_bytes += head.size_bytes + rest.size_bytes
        self._sealed.appendleft(rest)
        return head

    def _make_room(self, size: int, *, severe: bool) -> bool:
        """Free memory until *size* more bytes fit: what has or gets a copy, then the oldest, ERROR and above last."""
        in_flight = self._in_flight
        if size + (0 if in_flight is None else len(in_flight.data)) > self._max_bytes:
            return False  # dropping the others would not help
        limit_bytes = self._max_bytes - size
        if self._spool is not None:
            self._relieve(wholly=True)
        self._thin_out(limit_bytes)
        if self._held_bytes > limit_bytes:
            self._seal()
            self._thin_out(limit_bytes)
        while severe and self._held_bytes > limit_bytes:
            oldest = next((chunk for chunk in self._sealed if chunk.data), None)
            if oldest is None:
                break
            self._sealed.remove(oldest)
            self._forget(oldest, DropReason.OVERFLOW)
        return self._held_bytes <= limit_bytes

    def _thin_out(self, limit_bytes: int) -> None:
        """Drop the oldest records below ERROR until no more than so many bytes are held, or none are left."""
        kept: list[Chunk] = []
        while self._held_bytes > limit_bytes and self._sealed:
            chunk = self._sealed.popleft()
            if chunk.data and chunk.disk is not None and not chunk.disk.split:
                self._release(chunk)
            elif chunk.data:
                if not chunk.severe:
                    self._forget(chunk, DropReason.OVERFLOW)
                    continue
                records, size_bytes = thin(chunk)
                self._held_bytes -= size_bytes
                self._drop(records, DropReason.OVERFLOW)
            if not (kept and self._join(kept[-1], chunk)):
                kept.append(chunk)
        self._sealed.extendleft(reversed(kept))


def _born_s(chunk: Chunk) -> float:
    return chunk.born_s
