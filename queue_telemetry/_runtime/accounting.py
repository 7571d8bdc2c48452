"""Delivery accounting: every unit accepted is delivered, dropped for a reason, or still pending."""

import threading
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Delivery", "DeliveryLedger", "DropReason"]


class DropReason(StrEnum):
    """Why a unit was given up."""

    CLOSED = "closed"
    """It came after `close()`."""
    DAMAGED = "damaged"
    """Its copy on disk was torn or changed, and there was no other."""
    DEAD_LETTERED = "dead_lettered"
    """The receiver will never take this, and it is in the file for such."""
    EXPIRED = "expired"
    """It waited longer than it is worth, or than the receiver takes."""
    INVALID = "invalid"
    """The value cannot be sent: not a number, not finite, or a name that nothing is left of."""
    OVERFLOW = "overflow"
    """A bounded buffer in front of the sender was full and the oldest unit made room."""
    OVERSIZE = "oversize"
    """The unit alone is larger than the receiver takes."""
    REFUSED = "refused"
    """The receiver's port is closed."""
    REJECTED = "rejected"
    """The receiver answered that it will never take this."""
    SHUTDOWN = "shutdown"
    """The deadline of `close()` passed first."""
    SPOOL_FULL = "spool_full"
    """The disk space was used up and the oldest unit made room."""
    UNRESOLVED = "unresolved"
    """The receiver's host name has no address yet."""
    UNSENT = "unsent"
    """The operating system did not take the datagram."""
    WITHHELD = "withheld"
    """A gauge is kept back: its value became unknown before it was sent, or its process has no slot to send it under."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One reading of a ledger.

    Attributes:
        accepted: Units that this process took in.
        adopted: Units taken over from a dead process.
        delivered: Units handed on for good.
        dropped: Units given up, by reason; reasons that never happened are absent.
        pending: Units that are still on their way.
    """

    accepted: int = 0
    adopted: int = 0
    delivered: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    pending: int = 0


class DeliveryLedger:
    """Counts units through one pipeline so that `accepted + adopted == delivered + dropped + pending`.

    Every move is one method; what was accepted and has not moved is pending. The lock guards the counts and is held for
    a few assignments. A forked child makes a new ledger, since its parent keeps what is pending.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # re-entrant: a signal handler may read or count in between
        self._accepted = 0
        self._adopted = 0
        self._delivered = 0
        self._dropped: dict[str, int] = {}

    def accept(self, units: int = 1) -> None:
        """Take units in; they are pending from now on."""
        with self._lock:
            self._accepted += units

    def adopt(self, units: int) -> None:
        """Take over units of a dead process; they are pending from now on."""
        with self._lock:
            self._adopted += units

    def deliver(self, units: int = 1) -> None:
        """Mark pending units as handed on."""
        with self._lock:
            self._delivered += units

    def drop(self, units: int, reason: DropReason) -> None:
        """Mark pending units as given up."""
        if units:
            with self._lock:
                self._dropped[reason] = self._dropped.get(reason, 0) + units

    def read(self) -> Delivery:
        """Return all counts as of one moment."""
        with self._lock:
            pending = self._accepted + self._adopted - self._delivered - sum(self._dropped.values())
            return Delivery(self._accepted, self._adopted, self._delivered, dict(self._dropped), pending)
