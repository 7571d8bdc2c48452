"""A lock that a thread gets once, so that a signal handler neither waits for the code it interrupts nor goes in with it."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["OwnedLock"]

T = TypeVar("T")


class OwnedLock:
    """A lock for one thread at a time, and for each thread once: who has it already is told that it cannot be had.

    Re-entrant underneath: who owns it is then known to the interpreter itself, at every byte code.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._taken = False

    def run(self, timeout_s: float, action: Callable[[], T], *, otherwise: T) -> T:
        """Do *action* with the lock, or return *otherwise* when it could not be had in time.

        Given back however that ends, also by an exception that a signal handler raises before or after the action.
        """
        try:
            if not self._lock.acquire(timeout=timeout_s) or self._taken:
                return otherwise
            try:
                self._taken = True
                return action()
            finally:
                self._taken = False
        finally:
            try:  # noqa: SIM105 - a call before the release could be where a handler raises
                self._lock.release()
            except RuntimeError:  # another thread has it
                pass

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
