"""What one scrape shows, as a value. Pure: no clock, no socket, no state."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from queue_telemetry.metrics import Summary

__all__ = ["Scrape"]


@dataclass(frozen=True, slots=True)
class Scrape:
    """All that is known at one moment, of one process or of several together.

    Attributes:
        summary: What was counted.
        now_s: When, monotonic seconds: what was said of a queue long before is not shown.
        active_workers: Open worker scopes; None until one was opened.
        slots: Slots of these scopes, by state.
    """

    summary: Summary
    now_s: float
    active_workers: int | None = None
    slots: Mapping[str, int] = field(default_factory=dict)
