"""Find the places of a segment that another process wrote, streaming through it."""

import itertools

from queue_telemetry.logs.spool._frame import HEADER_BYTES
from queue_telemetry.logs.spool._scan import Damage, scan
from queue_telemetry.logs.spool._segment import Segment
from queue_telemetry.logs.spool.place import Place

__all__ = ["index_segment"]


def index_segment(
    segment: Segment, descriptor: int, *, batch_bytes: int, max_records: int
) -> tuple[list[Place], list[Damage]]:
    """Return what is not acknowledged of a segment: places in their order, and the damage between them.

    Damage is acknowledged here, since nobody will ever read it.

    Args:
        segment: With its size and progress.
        descriptor: Of it, for reading.
        batch_bytes: Adjacent frames are joined up to so many bytes of lines.
        max_records: And up to so many records.

    Raises:
        OSError: The segment cannot be read at present; nothing is acknowledged then.
    """
    places: list[Place] = []
    damages: list[Damage] = []
    stretches = segment.unacknowledged()
    for found in itertools.chain.from_iterable(scan(descriptor, *stretch) for stretch in stretches):
        if isinstance(found, Damage):
            damages.append(found)
            continue
        size = found.end - found.start - HEADER_BYTES
        place = Place(segment.number, found.start, found.end, found.records, size, found.born_s)
        last = places[-1] if places else None
        if last is not None and _fit(last, place, batch_bytes, max_records):
            joined = last.join(place)
            if joined is not None:
                places[-1] = joined
                continue
        places.append(place)
    for damage in damages:
        segment.acknowledge(damage.start, damage.end)
    return places, damages


def _fit(last: Place, place: Place, batch_bytes: int, max_records: int) -> bool:
    return last.bytes + place.bytes <= batch_bytes and last.records + place.records <= max_records
