"""Which reasons hold, once single evaluations that say otherwise are left out. Pure: no clock, no socket, no state."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from queue_telemetry.healthcheck.report import Reason

__all__ = ["Settled"]

_ENTER_AFTER: Final = 2  # evaluations: one may be a burst
_LEAVE_AFTER: Final = 3  # what comes back at once is one trouble, not two


@dataclass(frozen=True, slots=True)
class Settled:
    """What a series of evaluations came to. A value: each evaluation makes the next one, and readers need no lock.

    A reason enters when two evaluations in a row found it, and leaves when three in a row did not.

    Attributes:
        active: The reasons that hold.
        streaks: Of each reason that the last evaluation found or did not find against `active`, how many in a row did.
        evaluations: How many it came from, as far as they count.
    """

    active: frozenset[Reason] = frozenset()
    streaks: Mapping[Reason, int] = field(default_factory=dict)
    evaluations: int = 0

    @property
    def is_conclusive(self) -> bool:
        """Whether there were enough evaluations for a reason to enter: before, that none holds says nothing."""
        return self.evaluations >= _ENTER_AFTER

    @classmethod
    def following(cls, active: frozenset[Reason]) -> Self:
        """Return what another series came to, to go on from there."""
        return cls(active, evaluations=_ENTER_AFTER)

    def after(self, found: Collection[Reason]) -> "Settled":
        """Return what it comes to with one more evaluation, which found these reasons."""
        streaks = {
            reason: self.streaks.get(reason, 0) + 1
            for reason in Reason
            if (reason in found) is not (reason in self.active)
        }
        changed = {
            reason
            for reason, streak in streaks.items()
            if streak >= (_LEAVE_AFTER if reason in self.active else _ENTER_AFTER)
        }
        left = {reason: streak for reason, streak in streaks.items() if reason not in changed}
        return Settled(self.active ^ changed, left, min(self.evaluations + 1, _ENTER_AFTER))
