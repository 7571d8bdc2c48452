"""Make room in memory by dropping what matters less. Pure: no clock, no socket; works on a copy of the holdings."""

from array import array
from dataclasses import replace
from typing import Final

from queue_telemetry._runtime import DropReason
from queue_telemetry.logs._accounts import Capacity
from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._holdings import Holdings

__all__ = ["evict", "thin"]

_SMALL: Final = 4
"""Such a part of a batch is joined to others: larger ones are few, and copies leave holes in the heap."""


def evict(held: Holdings, capacity: Capacity, limit_bytes: int, now_s: float, *, severe: bool) -> None:
    """Free memory until no more than so many bytes are held, as far as that can be.

    First goes what has a copy, from memory only, and the oldest records below ERROR; then the oldest of all. Each line
    is copied for it once or twice, and what is left of several chunks is joined: it is the application's thread that does it.

    Args:
        held: To be changed; its open chunk stays.
        capacity: How large a chunk may become.
        limit_bytes: How many.
        now_s: Seconds since the epoch, for the span of the losses.
        severe: Whether it is for a record of ERROR or above: others drop none such.
    """
    for chunk in held.waiting():
        if held.held_bytes <= limit_bytes:
            return
        if chunk.data and chunk is not held.being_stored:
            _lighten(held, capacity, chunk, now_s)
    for chunk in held.waiting() if severe else ():
        if held.held_bytes <= limit_bytes:
            return
        if chunk.data and chunk is not held.being_stored:
            held.forget(chunk, DropReason.OVERFLOW, now_s)


def _lighten(held: Holdings, capacity: Capacity, chunk: Chunk, now_s: float) -> None:
    if chunk.is_safe:
        held.free(chunk)
    elif not chunk.severe:
        held.forget(chunk, DropReason.OVERFLOW, now_s)
    elif len(chunk.severe) < chunk.records:
        thinned = thin(chunk)
        held.drop(chunk.records - thinned.records, DropReason.OVERFLOW, now_s)
        held.swap(chunk, thinned)
        if thinned.size_bytes < capacity.batch_bytes // _SMALL:
            held.join(held.chunks.index(thinned), capacity.max_records, capacity.batch_bytes)


def thin(chunk: Chunk) -> Chunk:
    """Return a chunk of the lines of ERROR and above; of one that has its lines in memory, and no copy of its own."""
    lines, starts, size = [], array("I"), 0
    for start in sorted(set(chunk.severe)):
        line = chunk.data[start : chunk.data.find(b"\n", start) + 1]
        if line:
            starts.append(size)
            lines.append(line)
            size += len(line)
    data = bytearray(b"".join(lines))  # one that grew would hold an eighth more
    return replace(chunk, data=data, severe=starts, size_bytes=size, records=len(lines))
