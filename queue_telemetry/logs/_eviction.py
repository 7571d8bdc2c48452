"""Make room in memory by dropping what matters less. Pure: no clock, no socket; works on a copy of the holdings."""

from array import array
from dataclasses import replace

from queue_telemetry._runtime import DropReason
from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._holdings import Holdings

__all__ = ["evict", "thin"]


def evict(held: Holdings, limit_bytes: int, now_s: float, *, severe: bool) -> None:
    """Free memory until no more than so many bytes are held, as far as that can be.

    First goes what has a copy, from memory only, and the oldest records below ERROR; then the oldest of all.

    Args:
        held: To be changed; its open chunk stays.
        limit_bytes: How many.
        now_s: Seconds since the epoch, for the span of the losses.
        severe: Whether it is for a record of ERROR or above: others drop none such.
    """
    for chunk in held.waiting():
        if held.held_bytes <= limit_bytes:
            return
        if not chunk.data or chunk is held.being_stored:
            continue
        if chunk.is_safe:
            held.free(chunk)
        elif not chunk.severe:
            held.forget(chunk, DropReason.OVERFLOW, now_s)
        else:
            thinned = thin(chunk)
            held.drop(chunk.records - thinned.records, DropReason.OVERFLOW, now_s)
            held.swap(chunk, thinned)
    for chunk in held.waiting() if severe else ():
        if held.held_bytes <= limit_bytes:
            return
        if chunk.data and chunk is not held.being_stored:
            held.forget(chunk, DropReason.OVERFLOW, now_s)


def thin(chunk: Chunk) -> Chunk:
    """Return a chunk of the lines of ERROR and above; of one that has its lines in memory, and no copy of its own."""
    kept, starts = bytearray(), array("I")
    for start in sorted(set(chunk.severe)):
        end = chunk.data.find(b"\n", start) + 1
        if end:
            starts.append(len(kept))
            kept += chunk.data[start:end]
    return replace(chunk, data=kept, severe=starts, size_bytes=len(kept), records=len(starts))
