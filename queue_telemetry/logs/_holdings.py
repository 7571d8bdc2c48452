"""What a buffer holds and what became of the rest, as one value, so that all of it changes at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from queue_telemetry._runtime import Delivery, DropReason
from queue_telemetry.logs._chunk import Chunk, no_lines
from queue_telemetry.logs._losses import Losses
from queue_telemetry.logs._split import joined
from queue_telemetry.logs.spool import Place

__all__ = ["Holdings"]


@dataclass(slots=True, eq=False)
class Holdings:
    """Chunks and counts. Whoever changes more than the open chunk changes a copy, which then takes the place of this.

    What was accepted is not counted but follows from the rest, so that the law of accounting holds in itself, and each
    record is where its chunk is: in the list.

    Attributes:
        chunks: Oldest first; the last one is open, and grows.
        in_flight: The one of them that is being sent; None when none is.
        carrier: The thread that sends it.
        being_stored: The one of them that is being written without the lock; None when none is.
        held_bytes: Bytes of lines in memory, and of those for which memory is reserved.
        reserved_bytes: Of them for the chunk in flight, whose lines are being read.
        delivered: Records handed on for good.
        adopted: Records taken over from dead processes.
        dropped: Records given up, by reason.
        told: How many of them somebody was told of.
        lost_from_s: When the first was lost that nobody was told of, seconds since the epoch.
        lost_to_s: When the last one was lost.
        unneeded: Copies that are to be acknowledged.
    """

    chunks: list[Chunk]
    in_flight: Chunk | None = None
    carrier: int = 0
    being_stored: Chunk | None = None
    held_bytes: int = 0
    reserved_bytes: int = 0
    delivered: int = 0
    adopted: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    told: Mapping[str, int] = field(default_factory=dict)
    lost_from_s: float = 0.0
    lost_to_s: float = 0.0
    unneeded: tuple[Place, ...] = ()

    def copy(self) -> Self:
        """Return a copy to change; chunks are shared."""
        return replace(self, chunks=self.chunks.copy(), dropped=self.dropped.copy())

    @property
    def records(self) -> int:
        """How many are held."""
        return sum([chunk.records for chunk in self.chunks])

    def waiting(self) -> list[Chunk]:
        """Return the sealed chunks that are not in flight, oldest first."""
        return [chunk for chunk in self.chunks[:-1] if chunk is not self.in_flight]

    def read(self) -> Delivery:
        """Return all counts."""
        pending, dropped = self.records, self.dropped.copy()
        accepted = self.delivered + sum(dropped.values()) + pending - self.adopted
        return Delivery(accepted, self.adopted, self.delivered, dropped, pending)

    def losses(self) -> Losses:
        """Return what was lost that nobody was told of."""
        lost = {
            reason: records - self.told.get(reason, 0)
            for reason, records in self.dropped.items()
            if records > self.told.get(reason, 0)
        }
        return Losses(lost, self.lost_from_s, self.lost_to_s)

    def drop(self, records: int, reason: DropReason, now_s: float) -> None:
        """Count records that are given up, at so many seconds since the epoch."""
        if records:
            if not self.losses().dropped:
                self.lost_from_s = now_s
            self.lost_to_s = now_s
            self.dropped[reason] = self.dropped.get(reason, 0) + records

    def inherit(self, losses: Losses) -> None:
        """Count what was lost elsewhere of the records that are to be here."""
        all_losses = self.losses().with_earlier(losses)
        for reason, records in losses.dropped.items():
            self.drop(records, DropReason(reason), losses.to_s)
        self.lost_from_s, self.lost_to_s = all_losses.from_s, all_losses.to_s

    def forget(self, chunk: Chunk, reason: DropReason, now_s: float) -> None:
        """Drop a whole chunk."""
        self.remove(chunk)
        self.drop(chunk.records, reason, now_s)

    def remove(self, chunk: Chunk, parts: Sequence[Chunk] = (), index: int | None = None) -> None:
        """Take a chunk out, and put parts of it in: where it was, or at a place among the others."""
        at = self.chunks.index(chunk)
        del self.chunks[at]
        at = at if index is None else index
        self.chunks[at:at] = parts
        self.held_bytes += sum([len(part.data) for part in parts]) - len(chunk.data)
        if chunk is self.in_flight:
            self.land()
        if chunk.disk is not None:
            self._let_go(chunk.disk)

    def land(self) -> None:
        """Have nothing in flight; what was waits where it is."""
        self.held_bytes -= self.reserved_bytes
        self.reserved_bytes = 0
        self.in_flight = None

    def swap(self, chunk: Chunk, other: Chunk) -> None:
        """Put a changed copy in a chunk's place, also in flight."""
        in_flight = other if chunk is self.in_flight else self.in_flight
        self.remove(chunk, [other])
        self.in_flight = in_flight

    def free(self, chunk: Chunk) -> None:
        """Let go of the memory of a chunk that has a copy."""
        self.swap(chunk, replace(chunk, data=bytearray(), severe=no_lines()))

    def store(self, chunk: Chunk, place: Place) -> None:
        """Give a chunk a copy of its own."""
        self.swap(chunk, replace(chunk, disk=place, is_part=False, severe=no_lines()))

    def seal(self, max_records: int, batch_bytes: int) -> None:
        """Close the open chunk if it holds anything, and add it to the one before it where both are small."""
        chunk = self.chunks[-1]
        if not chunk.records:
            return
        # one that grew has holes of many sizes behind it in the heap, and room to grow: without this, memory that was
        # freed is not used again, and the process comes to hold nearly twice the limit
        chunk.data = bytearray(chunk.data)
        self.chunks.append(Chunk(chunk.number + 1))
        if chunk.disk is not None and len(chunk.data) < chunk.size_bytes:
            self.free(chunk)  # in memory are all of its lines or none
        self.join(len(self.chunks) - 2, max_records, batch_bytes)

    def join(self, index: int, max_records: int, batch_bytes: int) -> None:
        """Add the sealed chunk at *index* to the one before it, so that an outage does not gather thousands of them."""
        pair = self.chunks[max(index - 1, 0) : index + 1]
        if len(pair) < 2 or self.in_flight in pair or self.being_stored in pair:
            return
        both = joined(pair[0], pair[1], max_records, batch_bytes)
        if both is not None:
            self.chunks[index - 1 : index + 1] = [both]
            self.held_bytes += len(both.data) - len(pair[0].data) - len(pair[1].data)

    def acknowledged(self, places: Iterable[Place]) -> None:
        """Forget copies that were acknowledged."""
        done = {id(place) for place in places}
        self.unneeded = tuple([place for place in self.unneeded if id(place) not in done])

    def _let_go(self, place: Place) -> None:
        if not any(chunk.disk is place for chunk in self.chunks):
            self.unneeded = (*self.unneeded, place)
