"""The size of a request that a destination takes, learned from those it found too large. Pure."""

from typing import Final

__all__ = ["SizeLimit"]

_STEP_BACK: Final = 0.9
_SUCCESSES: Final = 100  # requests near the limit after which a larger one is tried
_SUCCESSES_AGAIN: Final = 10  # the same once a raised limit was taken: it was but one record's fault
_STEPS_UP: Final = (1.1, 1.5, 2.0)
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
        self._raised = 0  # times since the last refusal

    def refused(self, size_bytes: int) -> None:
        """Note that so many bytes were too many."""
        cap_bytes = max(int(size_bytes * _STEP_BACK), 1)
        self.cap_bytes = cap_bytes if self.cap_bytes is None else min(self.cap_bytes, cap_bytes)
        self._successes = self._raised = 0

    def taken(self, size_bytes: int) -> None:
        """Note that so many bytes were taken. After many of them the limit is felt for anew: it may have been raised."""
        if self.cap_bytes is None or size_bytes < _NEAR * self.cap_bytes:
            return
        self._successes += 1
        if self._successes >= (_SUCCESSES_AGAIN if self._raised else _SUCCESSES):
            self._successes = 0
            raised_bytes = int(self.cap_bytes * _STEPS_UP[min(self._raised, len(_STEPS_UP) - 1)]) + 1
            self._raised += 1
            self.cap_bytes = None if raised_bytes >= self._full_bytes else raised_bytes
