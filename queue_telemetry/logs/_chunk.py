"""A chunk: lines that travel together, in memory, on disk, or both."""

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from queue_telemetry.logs._bisection import Suspicion
    from queue_telemetry.logs.spool import Place

__all__ = ["Chunk", "no_lines"]


def no_lines() -> "array[int]":
    """Return an empty list of offsets: four bytes for each, where a list of pairs would take a third of the lines' memory."""
    return array("I")


@dataclass(slots=True, eq=False)
class Chunk:
    """Lines that travel together. Only the open one grows; of any other a changed copy takes the place.

    Attributes:
        number: Its place in the order, from 1; the parts of a split chunk have the same.
        data: The lines, each with its newline; empty when they are on disk only. A bytearray, since encoded lines kept
            one by one hold ten times their length.
        size_bytes: The length of the lines, wherever they are.
        records: How many lines.
        due_s: Monotonic seconds at which it is to be sealed at the latest.
        born_s: When its first line came: monotonic seconds, which nobody sets; of an adopted one since the epoch.
        disk: Where its copy lies; None without one.
        is_part: Whether the copy has other lines too, so that it cannot be read from there again.
        severe: Where in the data the lines of ERROR and above begin, in order; kept while there is no copy. One may be
            there twice, or behind the last line: what an interrupted append left, which does no harm.
        suspect: What is known of the refused batch that it is a part of; None when it is not.
        doubted: Whether it was refused when nearly everything was, so that a setting was wrong or all of it is bad.
        adopted: Whether it was taken over from a dead process.
    """

    number: int
    data: bytearray = field(default_factory=bytearray)
    size_bytes: int = 0
    records: int = 0
    due_s: float = 0.0
    born_s: float = 0.0
    disk: "Place | None" = None
    is_part: bool = False
    severe: "array[int]" = field(default_factory=no_lines)
    suspect: "Suspicion | None" = None
    doubted: bool = False
    adopted: bool = False

    @property
    def is_safe(self) -> bool:
        """Whether it has a copy of its own, from which it can be read again."""
        return self.disk is not None and not self.is_part
