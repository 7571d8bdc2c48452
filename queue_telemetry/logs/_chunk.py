"""A chunk: lines that travel together, in memory, on disk, or both."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from queue_telemetry.logs._bisection import Suspicion
    from queue_telemetry.logs.spool import Place

__all__ = ["Chunk", "OnDisk"]


@dataclass(slots=True, eq=False)
class OnDisk:
    """The copy on disk of a chunk, or of all the parts that one was split into.

    Attributes:
        place: Where it lies; acknowledged when the last of its parts is settled.
        parts: How many chunks that are not settled have their lines in it.
        split: Whether there are or were several, so that no one of them can be read from it again.
    """

    place: "Place"
    parts: int = 1
    split: bool = False


@dataclass(slots=True, eq=False)
class Chunk:
    """Lines that travel together.

    Attributes:
        number: Its place in the order, from 1; the parts of a split chunk have the same.
        data: The lines, each with its newline; empty when they are on disk only. A bytearray, since encoded lines kept
            one by one hold ten times their length.
        size_bytes: The length of the lines, wherever they are.
        records: How many lines.
        counted: How many of them the ledger knows of.
        due_s: Monotonic seconds at which it is to be sealed at the latest.
        born_s: When its first line came, in seconds since the epoch.
        disk: Its copy on disk, which it may share with others; None without one.
        severe: Where in the data the lines of ERROR and above begin and end, in order; kept while there is no copy.
        suspect: What is known of the refused batch that it is a part of; None when it is not.
        doubted: Whether it was refused when nearly everything was, so that a setting was wrong or all of it is bad.
        adopted: Whether it was taken over from a dead process.
    """

    number: int
    data: bytearray = field(default_factory=bytearray)
    size_bytes: int = 0
    records: int = 0
    counted: int = 0
    due_s: float = 0.0
    born_s: float = 0.0
    disk: OnDisk | None = None
    severe: list[tuple[int, int]] = field(default_factory=list)
    suspect: "Suspicion | None" = None
    doubted: bool = False
    adopted: bool = False

    def is_akin(self, other: "Chunk") -> bool:
        """Tell whether both are parts of one chunk, or one of them is the other."""
        return (other.number, other.adopted, other.born_s) == (self.number, self.adopted, self.born_s)
