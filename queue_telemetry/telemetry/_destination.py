"""Where a telemetry's data can go: the outputs of a process, or what a test keeps."""

from collections.abc import Mapping
from typing import Protocol

from queue_telemetry.logs import RecordBuffer
from queue_telemetry.metrics import Batch, SeriesKey

__all__ = ["Destination"]


class Destination(Protocol):
    """What a telemetry sends to. Belongs to one process; a forked child gets another."""

    buffer: RecordBuffer | None
    """Where the sink appends records; None for nowhere."""

    def start(self) -> bool:
        """Start what it needs; False when that must be tried again."""

    def add(self, batch: Batch) -> None:
        """Take what a collection brought."""

    def tick(self) -> None:
        """Do what is due once a second."""

    def flush(self, timeout_s: float) -> bool:
        """Send everything; True when nothing is pending in time."""

    def close(self, timeout_s: float) -> bool:
        """Send, drop and count the rest, stop."""

    def forget(self) -> None:
        """Let go of what is the parent's, in a forked child."""

    def stats(self) -> dict[str, dict[str, object]]:
        """Return what became of the data, by output."""

    def self_counters(self) -> Mapping[SeriesKey, float]:
        """Return the counters of what became of the data that came here, as they stand."""

    def failing(self) -> frozenset[str]:
        """Return the outputs that lose data or cannot deliver it now."""
