"""Lets a test wait for what a receiver's threads bring, without polling."""

import threading
from collections.abc import Callable

__all__ = ["Arrivals"]


class Arrivals:
    """A lock around a receiver's memory, and a wait that ends when something arrived that fits.

    Use it as a context manager around every read and write; it is re-entrant, so that a predicate may read too.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()

    def __enter__(self) -> None:
        self._condition.acquire()

    def __exit__(self, *exc_info: object) -> None:
        self._condition.release()

    def announce(self) -> None:
        """Let the waiting tests look again."""
        with self._condition:
            self._condition.notify_all()

    def wait_until(self, predicate: Callable[[], bool], timeout_s: float) -> bool:
        """Return True as soon as *predicate* holds, looking once at every arrival; False after *timeout_s*."""
        with self._condition:
            return self._condition.wait_for(predicate, timeout_s)
