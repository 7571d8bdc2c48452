"""A chunk: lines that travel together."""

from dataclasses import dataclass, field

__all__ = ["Chunk"]


@dataclass(slots=True, eq=False)
class Chunk:
    """Lines that travel together.

    Attributes:
        number: Its place in the order, from 1.
        data: The lines, each with its newline. A bytearray, since encoded lines kept one by one hold ten times their
            length.
        records: How many lines.
        counted: How many of them the ledger knows of.
        due_s: Monotonic seconds at which it is to be sealed at the latest.
    """

    number: int
    data: bytearray = field(default_factory=bytearray)
    records: int = 0
    counted: int = 0
    due_s: float = 0.0
