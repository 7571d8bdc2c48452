"""What was lost since somebody last asked, by reason and with its time span. Pure: no clock, no socket, no lock."""

from dataclasses import dataclass, field

from queue_telemetry._runtime import DropReason

__all__ = ["Losses"]


@dataclass(slots=True)
class Losses:
    """Counts of lost records.

    Attributes:
        dropped: Records by reason.
        from_s: When the first was lost, in seconds since the epoch.
        to_s: When the last was.
    """

    dropped: dict[str, int] = field(default_factory=dict)
    from_s: float = 0.0
    to_s: float = 0.0

    def note(self, records: int, reason: DropReason, now_s: float) -> None:
        """Add so many records."""
        if not self.dropped:
            self.from_s = now_s
        self.to_s = now_s
        self.dropped[reason] = self.dropped.get(reason, 0) + records
