"""The size of a request that a destination takes, learned from those it found too large. Pure."""

from typing import Final

__all__ = ["SizeLimit"]

_STEP_BACK: Final = 0.9
_SUCCESSES: Final = 100  # requests near the limit after which a larger one is tried
_STEP_UP: Final = 1.1
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

    def refused(self, size_bytes: int) -> None:
        """Note that so many bytes were too many."""
        cap_bytes = max(int(size_bytes * _STEP_BACK), 1)
        self.cap_bytes = cap_bytes if self.cap_bytes is None else min(self.cap_bytes, cap_bytes)
        self._successes = 0

    def taken(self, size_bytes: int) -> None:
        """Note that so many bytes were taken. After many of them the limit is felt for anew: it may have been raised."""
        if self.cap_bytes is None or size_bytes < _NEAR * self.cap_bytes:
            return
        self._successes += 1
        if self._successes >= _SUCCESSES:
            self._successes = 0
            raised_bytes = int(self.cap_bytes * _STEP_UP) + 1
            self.cap_bytes = None if raised_bytes >= self._full_bytes else raised_bytes
