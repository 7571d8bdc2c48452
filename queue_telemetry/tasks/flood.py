"""Keeps the records of one error from flooding the logs: the first few of each minute, then one in a hundred."""

from collections import deque
from contextlib import suppress
from itertools import count
from typing import Final

from queue_telemetry._runtime import Clock
from queue_telemetry.metrics import Marks

__all__ = ["FloodLimit"]

_ONE_IN: Final = 100
_MINUTE_S: Final = 60.0
_MAX_UNTOLD: Final = 10_000  # in the moment before one of many threads tells of a hundred
_MAX_ERRORS: Final = 1_000  # above it none is limited for a while, rather than that memory grows


class FloodLimit:
    """Tells which records of an error are written. From any thread, without a lock.

    Attributes:
        per_minute: Records of one error that are written in a minute before it is limited; 0 limits none.
        suppressed: Counts the records that were not written.
    """

    def __init__(self, clock: Clock, per_minute: int = 0) -> None:
        self.per_minute = per_minute
        self.suppressed = Marks()
        self._clock = clock
        self._floods: dict[str, _Flood] = {}

    def admit(self, fingerprint: str) -> int | None:
        """Return how many records were suppressed since the last one that was written; None to suppress this one too.

        Racing threads in the first moment of a minute may each begin it, and so write a few records more.
        """
        per_minute = self.per_minute
        if not per_minute:
            return 0
        minute = int(self._clock.monotonic() // _MINUTE_S)
        flood = self._floods.get(fingerprint)
        before = None
        if flood is None or flood.minute != minute:
            if len(self._floods) >= _MAX_ERRORS:
                self._floods.clear()
            before, flood = flood, _Flood(minute)
            self._floods[fingerprint] = flood
        number = next(flood.numbers)
        left_over = 0 if before is None else before.take_untold()
        if number < per_minute:
            return left_over
        if (number - per_minute) % _ONE_IN == _ONE_IN - 1:
            return flood.take_untold()
        self.suppressed.mark()
        flood.untold.append(None)
        return None


class _Flood:
    """The records of one error in one minute."""

    __slots__ = ("minute", "numbers", "untold")

    def __init__(self, minute: int) -> None:
        self.minute = minute
        self.numbers = count()
        self.untold: deque[None] = deque(maxlen=_MAX_UNTOLD)

    def take_untold(self) -> int:
        """Return how many were suppressed that nobody told of; each is told of once, whoever else asks."""
        taken = 0
        with suppress(IndexError):
            while True:
                self.untold.pop()
                taken += 1
        return taken
