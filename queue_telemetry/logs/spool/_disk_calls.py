"""Which threads are at the disk, and since when: a disk that hangs raises nothing."""

import threading
from collections.abc import Callable
from typing import TypeVar

from queue_telemetry._runtime import Clock

__all__ = ["DiskCalls"]

T = TypeVar("T")


class DiskCalls:
    """Remembers calls that have not come back. Any thread; no lock.

    Args:
        clock: For how long.
    """

    def __init__(self, clock: Clock) -> None:
        self._monotonic = clock.monotonic
        self._since_s: dict[int, float] = {}

    def run(self, action: Callable[[], T]) -> T:
        """Do what works on files."""
        me = threading.get_ident()
        try:
            self._since_s[me] = self._monotonic()
            return action()
        finally:
            self._since_s.pop(me, None)

    @property
    def longest_s(self) -> float:
        """For how many seconds the longest of them is under way; 0 when none is."""
        since_s = list(self._since_s.values())
        return max(self._monotonic() - min(since_s), 0.0) if since_s else 0.0

    def forget(self) -> None:
        """In a forked child, where no other thread is."""
        self._since_s.clear()
