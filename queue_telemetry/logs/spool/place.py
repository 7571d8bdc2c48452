"""Where lines lie on disk. Pure: no clock, no socket, no state."""

from dataclasses import dataclass
from typing import Self

__all__ = ["Place"]


@dataclass(slots=True)
class Place:
    """One or more adjacent frames of one segment. Not frozen, since one is made for each record; not to be changed.

    Attributes:
        segment: The segment's number in its spool.
        start: The offset of the first frame, in bytes.
        end: The offset behind the last frame.
        records: How many records the frames hold.
        bytes: The length of their lines, without the frames around them.
        born_s: When the first frame was written, in seconds since the epoch.
    """

    segment: int
    start: int
    end: int
    records: int
    bytes: int
    born_s: float

    def join(self, following: "Place") -> Self | None:
        """Return this place with the *following* one, or None when that is not the next frame of the same segment."""
        if following.start != self.end or following.segment != self.segment:
            return None
        return type(self)(
            self.segment,
            self.start,
            following.end,
            self.records + following.records,
            self.bytes + following.bytes,
            self.born_s,
        )
