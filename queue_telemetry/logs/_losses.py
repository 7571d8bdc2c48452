"""What was lost since somebody last asked, by reason and with its time span. Pure: no clock, no socket, no lock."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Losses"]


@dataclass(frozen=True, slots=True)
class Losses:
    """Counts of lost records.

    Attributes:
        dropped: Records by reason.
        from_s: When the first was lost, in seconds since the epoch.
        to_s: When the last was.
    """

    dropped: Mapping[str, int]
    from_s: float = 0.0
    to_s: float = 0.0

    def with_earlier(self, earlier: "Losses") -> "Losses":
        """Return these together with earlier ones."""
        if not earlier.dropped:
            return self
        if not self.dropped:
            return earlier
        dropped = dict(Counter(self.dropped) + Counter(earlier.dropped))
        return Losses(dropped, min(self.from_s, earlier.from_s), max(self.to_s, earlier.to_s))
