"""The way of chunks out of the buffer: taken, and settled or given back, each in one move."""

import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Final

from queue_telemetry._runtime import DropReason
from queue_telemetry.logs._accounts import Accounts
from queue_telemetry.logs._bisection import suspected
from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._holdings import Holdings
from queue_telemetry.logs._losses import Losses
from queue_telemetry.logs._split import cut_after, split_at
from queue_telemetry.logs._storing import Storing
from queue_telemetry.logs.spool import Place

__all__ = ["Outgoing"]

_NOTHING: Final[Mapping[DropReason, int]] = MappingProxyType({})


class Outgoing:
    """What the shipper does with chunks.

    Args:
        accounts: The chunks.
        storing: Makes room on disk and in memory.
    """

    def __init__(self, accounts: Accounts, storing: Storing) -> None:
        self._accounts = accounts
        self._storing = storing
        self._stopped = False
        self._unreadable: set[int] = set()  # segments of which the last reading failed

    def stop(self) -> None:
        """Hand out no more chunks."""
        self._stopped = True

    def take(self, max_bytes: int | None = None) -> Chunk | None:
        """Put the oldest sealed chunk in flight, with its lines in memory; None when there is none or one is already.

        So only one thread at a time sends. What is too old is dropped on the way. The disk is read without the lock; what
        it does not give is tried once more before it is put behind all else, so that the order stays when it can.
        Whoever takes one calls `give_back` however that ends, with None where an exception came before there was one.

        Args:
            max_bytes: Take no more whole lines than fit, but one at least; None takes the whole chunk.
        """
        put_off: set[Chunk] = set()
        while True:
            chunk = self._accounts.change(lambda held: self._choose(held, max_bytes), otherwise=None)
            self._accounts.clear()
            if chunk is None or chunk.data:
                return chunk
            lines = None if chunk in put_off else self._read(chunk)
            if lines is None and chunk not in put_off and self._fails_again(chunk):
                put_off.add(chunk)
                self.give_back(chunk, last=True)
                continue
            land = partial(self._land, chunk=chunk, lines=lines, max_bytes=max_bytes)
            nothing: tuple[Chunk | None, bool] = (None, False)
            landed, again = self._accounts.change(land, otherwise=nothing)
            self._accounts.clear()
            if not again:
                return landed

    def give_back(self, chunk: Chunk | None = None, *, last: bool = False) -> None:
        """Return the chunk in flight to its place, to be tried again; or *last*, with what was cut from it, behind all.

        Args:
            chunk: What was taken; nothing happens when that is not in flight any more. None for what this thread took.
            last: Whether to put it behind all.
        """
        self._accounts.change(lambda held: _give_back(held, chunk, last=last), otherwise=None)

    def settle(
        self, chunk: Chunk, dropped: Mapping[DropReason, int] = _NOTHING, again: Sequence[Chunk] = ()
    ) -> bool:
        """Let go of the chunk in flight, in one move; False when it was abandoned before.

        Args:
            chunk: What was taken; what is neither dropped nor sent again of it is delivered.
            dropped: How many of its records are given up, by reason.
            again: Parts of it that go to the front; parts of a refused batch behind the other parts of it.
        """
        settled = self._accounts.change(
            lambda held: self._settle(held, chunk, dropped, again), otherwise=False
        )
        self._accounts.clear()
        return settled

    def adopt(self, places: Sequence[Place], damaged: int = 0) -> None:
        """Take over records of a dead process, behind what waits; and so many that were torn or changed, and are lost."""
        now_s = self._accounts.clock.time()

        def take_over(held: Holdings) -> None:
            number = held.chunks[-1].number
            held.chunks[-1:-1] = [_adopted(place, number) for place in places]
            held.adopted += sum([place.records for place in places]) + damaged
            held.drop(damaged, DropReason.DAMAGED, now_s)

        self._accounts.change(take_over, otherwise=None)

    def inherit(self, losses: Losses) -> None:
        """Count as accepted and dropped here what a buffer in front of this one lost."""
        self._accounts.change(lambda held: held.inherit(losses), otherwise=None)

    def drop_adopted(self) -> bool:
        """Drop the oldest records of a dead process that wait, for the space that they take; False when there are none."""
        now_s = self._accounts.clock.time()

        def drop(held: Holdings) -> bool:
            oldest = next((chunk for chunk in held.waiting() if chunk.adopted), None)
            if oldest is not None:
                held.forget(oldest, DropReason.SPOOL_FULL, now_s)
            return oldest is not None

        dropped = self._accounts.change(drop, otherwise=False)
        self._accounts.clear()
        return dropped

    def store_next(self) -> bool:
        """Give the oldest sealed chunk without one its copy on disk; see `Storing`."""
        return self._storing.store_next()

    def relieve(self) -> None:
        """Have on disk what is too much for memory, and let go of the copies there that nobody needs."""
        self._storing.relieve()
        self._storing.collect()

    def settled(self, number: int) -> bool:
        """Tell whether every chunk up to *number* was delivered or dropped, but for those of dead processes."""
        chunks = self._accounts.held.chunks.copy()
        waiting = [chunk.number for chunk in chunks[:-1] if not chunk.adopted]
        return min(waiting, default=chunks[-1].number) > number

    def carries(self, chunk: Chunk) -> bool:
        """Tell whether a chunk is in flight still, and was not abandoned."""
        return self._accounts.held.in_flight is chunk

    @property
    def has_sealed(self) -> bool:
        """Whether chunks wait to be taken."""
        return bool(self._accounts.held.waiting())

    @property
    def adopted_chunks(self) -> int:
        """How many chunks of dead processes wait."""
        return sum([chunk.adopted for chunk in self._accounts.held.chunks])

    def _choose(self, held: Holdings, max_bytes: int | None) -> Chunk | None:
        if self._stopped or held.in_flight is not None:
            return None
        now_s = self._accounts.clock.time()
        for chunk in held.waiting():
            if self._accounts.age_s(chunk) <= self._accounts.capacity.max_age_s:
                break
            held.forget(chunk, DropReason.EXPIRED, now_s)
        else:
            return None
        if not chunk.data and held.held_bytes + chunk.size_bytes > self._accounts.capacity.max_bytes:
            # where its lines do not fit, the oldest that is in memory; all else there is the open chunk's, no more than a batch
            chunk = next((other for other in held.waiting() if other.data), chunk)
        held.in_flight, held.carrier = chunk, threading.get_ident()
        if chunk.data:
            return _cut(held, chunk, max_bytes)
        held.reserved_bytes = chunk.size_bytes
        held.held_bytes += chunk.size_bytes
        return chunk

    def _read(self, chunk: Chunk) -> bytearray | None:
        """Read the lines of a chunk that is on disk only; None when that cannot be done now."""
        assert self._accounts.spool is not None
        assert chunk.disk is not None
        read = self._accounts.spool.read(chunk.disk)
        if read is None:
            return None
        self._unreadable.discard(chunk.disk.segment)
        return read[0]

    def _fails_again(self, chunk: Chunk) -> bool:
        """Tell, of one that could not be read, whether its segment could not be the time before either."""
        assert chunk.disk is not None
        before = len(self._unreadable)
        self._unreadable.add(chunk.disk.segment)
        return len(self._unreadable) == before

    def _land(
        self, held: Holdings, chunk: Chunk, lines: bytearray | None, max_bytes: int | None
    ) -> tuple[Chunk | None, bool]:
        """Take in what was read for the chunk in flight; return what is in flight then, and whether to take another.

        That is when all of it was damaged.
        """
        if held.in_flight is not chunk:
            return None, False
        held.land()
        if lines is None:
            return None, False
        records = min(lines.count(b"\n"), chunk.records)
        now_s = self._accounts.clock.time()
        if not records:
            held.forget(chunk, DropReason.DAMAGED, now_s)
            return None, True
        held.drop(chunk.records - records, DropReason.DAMAGED, now_s)
        loaded = replace(chunk, data=lines, size_bytes=len(lines), records=records)
        held.swap(chunk, loaded)
        held.in_flight = loaded
        return _cut(held, loaded, max_bytes), False

    def _settle(
        self, held: Holdings, chunk: Chunk, dropped: Mapping[DropReason, int], again: Sequence[Chunk]
    ) -> bool:
        if held.in_flight is not chunk:
            return False
        others = held.waiting()
        batch = suspected(again[0]) if again else None
        akin = itertools.takewhile(lambda other: batch is not None and suspected(other) is batch, others)
        held.remove(chunk, again, sum([1 for _ in akin]))
        remaining = sum([part.records for part in again])
        held.delivered += chunk.records - sum(dropped.values()) - remaining
        for reason, records in dropped.items():
            held.drop(records, reason, self._accounts.clock.time())
        return True


def _give_back(held: Holdings, chunk: Chunk | None, *, last: bool) -> None:
    if chunk is None and held.carrier == threading.get_ident():
        chunk = held.in_flight
    if chunk is None or chunk is not held.in_flight:
        return
    held.land()
    if last:
        begin = held.chunks.index(chunk)
        following = held.chunks[begin:-1]
        akin = list(itertools.takewhile(lambda other: _is_akin(chunk, other), following))
        if len(akin) == len(following):
            del akin[1:]
        del held.chunks[begin : begin + len(akin)]
        held.chunks[-1:-1] = [*akin[1:], chunk]  # so that another part of it is tried next time


def _is_akin(chunk: Chunk, other: Chunk) -> bool:
    """Tell whether both come from one chunk; all that was adopted has the number of the chunk that was open then."""
    return (
        other.number == chunk.number
        and other.adopted == chunk.adopted
        and (not chunk.adopted or other.disk is chunk.disk)
    )


def _cut(held: Holdings, chunk: Chunk, max_bytes: int | None) -> Chunk:
    """Leave of the chunk in flight no more whole lines than fit; the rest waits. Parts of a refused batch stay whole."""
    data = chunk.data
    if max_bytes is None or len(data) <= max_bytes or suspected(chunk) is not None:
        return chunk
    cut = cut_after(data, max_bytes)
    if cut >= len(data):
        return chunk
    head, rest = split_at(chunk, cut)
    held.remove(chunk, [head, rest])
    held.in_flight = head
    return head


def _adopted(place: Place, number: int) -> Chunk:
    return Chunk(
        number, size_bytes=place.bytes, records=place.records, born_s=place.born_s, disk=place, adopted=True
    )
