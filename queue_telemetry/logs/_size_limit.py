"""The size of a request that a destination takes, learned from those it found too large. Pure."""

from typing import Final

__all__ = ["SizeLimit"]

_STEP_BACK: Final = 0.9
_STEP_UP: Final = 1.1
_SUCCESSES: Final = 100  # requests near the limit after which a larger one is tried
_LEAP_UP: Final = 2.0
_FEW_SUCCESSES: Final = 3  # the same where it seems to have been but one record's fault
_NEAR: Final = 0.5


class SizeLimit:
    """What a destination takes at most, in bytes of lines. Read and written by whoever has the chunk in flight.

    Args:
        full_bytes: The size of a whole batch: no request is larger anyway.

    Attributes:
        cap_bytes: The present limit; None while none was met.
    """

    def __init__(self, full_bytes: int) -> None:
        self.cap_bytes: int | None = None
        self._full_bytes = full_bytes
        self._successes = 0
        self._taken_bytes = 0  # the limit before it was raised; 0 when it was not since a refusal
        self._leaps = False

    def refused(self, size_bytes: int, *, alone: bool = False) -> None:
        """Note that so many bytes were too many.

        Args:
            size_bytes: How many.
            alone: Whether they were one record, which may be at fault itself: the limit is soon felt for then.
        """
        cap_bytes = max(int(size_bytes * _STEP_BACK), 1)
        if 0 < self._taken_bytes < size_bytes:
            cap_bytes = self._taken_bytes
        self.cap_bytes = cap_bytes if self.cap_bytes is None else min(self.cap_bytes, cap_bytes)
        self._successes = self._taken_bytes = 0
        self._leaps = alone

    def taken(self, size_bytes: int) -> None:
        """Note that so many bytes were taken. After many of them the limit is felt for anew: it may have been raised."""
        if self.cap_bytes is None or size_bytes < _NEAR * self.cap_bytes:
            return
        self._successes += 1
        if self._successes >= (_FEW_SUCCESSES if self._leaps else _SUCCESSES):
            raised_bytes = int(self.cap_bytes * (_LEAP_UP if self._leaps else _STEP_UP)) + 1
            self._successes, self._taken_bytes, self._leaps = 0, self.cap_bytes, True
            self.cap_bytes = None if raised_bytes >= self._full_bytes else raised_bytes
