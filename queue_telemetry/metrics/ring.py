"""A sum over the last hour, kept as one slot a minute; old minutes fall out as time is told, without a timer."""

__all__ = ["MinuteRing"]

_MINUTE_S = 60.0


class MinuteRing:
    """Sums amounts over the last minutes, the running one included.

    Minutes are `floor(monotonic / 60)`, the same in every process of a host, so that rings add up slot by slot. An
    amount counts for at most *minutes* and at least one minute less. Time that goes backwards counts as no time passed.
    Not thread-safe.

    Args:
        minutes: How many minutes are summed.
    """

    def __init__(self, minutes: int = 60) -> None:
        self._minutes = minutes
        self._slots: list[float] = [0] * minutes  # ints stay ints
        self._newest: int | None = None

    def add(self, amount: float, now_s: float) -> None:
        """Add *amount* to the minute of *now_s* (seconds, monotonic)."""
        self._slots[self._advance(now_s) % self._minutes] += amount

    def amounts(self, now_s: float) -> dict[int, float]:
        """Return what was added in each of these minutes, by `floor(monotonic / 60)`; what is 0 is left out."""
        newest = self._advance(now_s)
        slots, minutes = self._slots, self._minutes
        return {
            at: amount for at in range(newest + 1 - minutes, newest + 1) if (amount := slots[at % minutes])
        }

    def _advance(self, now_s: float) -> int:
        minute = int(now_s // _MINUTE_S)
        newest = self._newest
        if newest is None or minute > newest:
            for expired in range(0 if newest is None else min(minute - newest, self._minutes)):
                self._slots[(minute - expired) % self._minutes] = 0
            self._newest = minute
            return minute
        return newest
