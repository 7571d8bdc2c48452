"""Drop from a chunk what matters less, when memory is full. Pure: no clock, no socket, no state."""

from queue_telemetry.logs._chunk import Chunk

__all__ = ["thin"]


def thin(chunk: Chunk) -> tuple[int, int]:
    """Keep only the lines of ERROR and above of a counted chunk in memory, without a copy.

    Returns:
        How many records, and how many bytes of lines, are gone.
    """
    records, size_bytes = chunk.records, len(chunk.data)
    if len(chunk.severe) == records:
        return 0, 0
    kept, spans = bytearray(), []
    for start, end in chunk.severe:
        spans.append((len(kept), len(kept) + end - start))
        kept += chunk.data[start:end]
    chunk.data, chunk.severe = kept, spans
    chunk.size_bytes = len(kept)
    chunk.records = chunk.counted = len(spans)
    return records - len(spans), size_bytes - len(kept)
