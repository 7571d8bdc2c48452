"""A lock that knows its owner, so that a signal handler does not wait for the thread that it interrupts."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["OwnedLock"]


class OwnedLock:
    """A lock for one thread at a time, and for each thread once: who has it already is told that it cannot be had."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._owner = 0

    @contextmanager
    def held(self, timeout_s: float) -> Generator[bool]:
        """Hold the lock inside the block, or tell that it could not be had in time."""
        me = threading.get_ident()
        if self._owner == me or not self._lock.acquire(timeout=timeout_s):
            yield False
            return
        try:
            self._owner = me
            yield True
        finally:
            self._owner = 0
            self._lock.release()
