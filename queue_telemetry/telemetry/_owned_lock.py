"""A lock that a thread gets once, so that a signal handler neither waits for the code it interrupts nor goes in with it."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["OwnedLock"]


class OwnedLock:
    """A lock for one thread at a time, and for each thread once: who has it already is told that it cannot be had.

    Re-entrant underneath: who owns it is then known to the interpreter itself, at every byte code.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._taken = False

    @contextmanager
    def held(self, timeout_s: float) -> Generator[bool]:
        """Hold the lock inside the block, or tell that it could not be had in time."""
        if not self._lock.acquire(timeout=timeout_s):
            yield False
            return
        try:
            if self._taken:
                yield False
                return
            try:
                self._taken = True
                yield True
            finally:
                self._taken = False
        finally:
            self._lock.release()
