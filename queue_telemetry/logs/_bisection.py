"""Find the records at fault in a refused batch with few requests, and tell them from a wrong setting. Pure."""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from queue_telemetry.logs._chunk import Chunk

__all__ = ["Bisection", "Course", "RefusedBatch", "Suspicion", "suspected", "was_refused"]

_MAX_REQUESTS: Final = 32  # beyond the first; one bad record of a thousand needs twenty
_TELLING: Final = 14  # both halves, all four quarters and all eight eighths: hardly single records
_CONFIGURATION: Final = 0.9  # the share of parts refused from which on it is not the records
_TELLING_AT_FIRST: Final = 3  # a batch and its halves, of a destination that never took anything
_TELLING_IN_DOUBT: Final = 64  # once others were taken, what was parked is hardly kept for a wrong setting


class Course(Enum):
    """What to do with a part that was refused."""

    HALVE = auto()
    GIVE_UP = auto()
    """It is a record that is never taken."""
    LATER = auto()
    """Try others first, and then this again with as many requests as at first."""
    PARK = auto()
    """Nearly everything is refused: some setting is wrong."""


@dataclass(slots=True, eq=False)
class RefusedBatch:
    """What is known of one refused batch.

    Attributes:
        requests: Requests made for it beyond the first.
        refused: How many of them were refused.
        waiting: Parts that are still to be sent.
        parked: Whether its parts are ordinary chunks again, since no record is at fault.
    """

    requests: int = 0
    refused: int = 0
    waiting: int = 0
    parked: bool = False


@dataclass(slots=True, eq=False)
class Suspicion:
    """What the two halves of a refused part share.

    Attributes:
        batch: The whole that they come from.
        cleared: Whether one half was taken, so that the fault lies in the other.
    """

    batch: RefusedBatch = field(default_factory=RefusedBatch)
    cleared: bool = False


class Bisection:
    """Decides for one destination what is tried next of what it refused.

    All parts of one size are tried before any smaller one, so that a wrong setting shows before a record is given up.
    None is given up before the destination took one.

    Attributes:
        has_taken: Whether the destination ever took a record.
    """

    def __init__(self) -> None:
        self.has_taken = False
        self._refused_in_row = 0

    def refused(self, chunk: "Chunk", *, others: bool) -> Course:
        """Note that the collector will not take a part, or a batch that is no part yet.

        Args:
            chunk: What was refused; no longer a part where it is to be parked or tried later.
            others: Whether others wait, which could be tried first.
        """
        self._refused_in_row += 1
        batch = suspected(chunk)
        if batch is not None:
            batch.requests += 1
            batch.refused += 1
            batch.waiting -= 1
        if self._is_setting(chunk, batch) or (chunk.records == 1 and not self.has_taken and not others):
            self._refused_in_row = _TELLING_IN_DOUBT  # until one is taken, each probe parks anew
            if batch is not None:
                batch.parked = True
            chunk.suspect = None
            chunk.doubted = True
            return Course.PARK
        if chunk.records == 1 and self.has_taken:
            return Course.GIVE_UP
        if chunk.records == 1 or (batch is not None and batch.requests + batch.waiting + 2 > _MAX_REQUESTS):
            chunk.suspect = None
            return Course.LATER
        return Course.HALVE

    def _is_setting(self, chunk: "Chunk", batch: RefusedBatch | None) -> bool:
        if not self.has_taken:
            return self._refused_in_row >= _TELLING_AT_FIRST
        if chunk.doubted:
            return self._refused_in_row >= _TELLING_IN_DOUBT
        return self._refused_in_row >= _TELLING or (
            batch is not None
            and batch.requests >= _TELLING
            and batch.refused > _CONFIGURATION * batch.requests
        )

    def taken(self, chunk: "Chunk") -> None:
        """Note that the collector took a part, or any batch."""
        self.has_taken = True
        self._refused_in_row = 0
        batch = suspected(chunk)
        if batch is not None and chunk.suspect is not None:
            batch.requests += 1
            batch.waiting -= 1
            chunk.suspect.cleared = True

    def is_certain(self, chunk: "Chunk") -> bool:
        """Tell whether a part can be halved unsent: the other half was taken, and requests enough are left."""
        batch = suspected(chunk)
        return (
            batch is not None
            and chunk.suspect is not None
            and chunk.suspect.cleared
            and chunk.records > 1
            and batch.requests + batch.waiting + 1 <= _MAX_REQUESTS
        )

    def suspect(self, chunk: "Chunk", halves: "tuple[Chunk, Chunk]", *, unsent: bool = False) -> None:
        """Mark the two halves of a *chunk* that was refused, or would be."""
        suspicion = Suspicion(suspected(chunk) or RefusedBatch())
        suspicion.batch.waiting += 1 if unsent else 2
        for half in halves:
            half.suspect = suspicion

    def release(self, chunk: "Chunk") -> None:
        """Note that a part is no longer one: something else than its records came up."""
        batch = suspected(chunk)
        if batch is not None:
            batch.waiting -= 1
        chunk.suspect = None


def suspected(chunk: "Chunk") -> RefusedBatch | None:
    """Return the refused batch that *chunk* is a part of, None when it is not or no longer."""
    suspicion = chunk.suspect
    return None if suspicion is None or suspicion.batch.parked else suspicion.batch


def was_refused(chunk: "Chunk") -> bool:
    """Tell whether all in *chunk* was refused, by itself or in its batch, and kept because a setting may be wrong."""
    return chunk.doubted or (chunk.suspect is not None and chunk.suspect.batch.parked)
