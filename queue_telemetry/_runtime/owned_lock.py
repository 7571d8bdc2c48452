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

    Attributes:
        lock: What is underneath, for a path that cannot afford the call of `run`.
        taken: Whether its owner is at work. Whoever takes `lock` looks here first and sets it for as long.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.taken = False

    def run(self, timeout_s: float, action: Callable[[], T], *, otherwise: T) -> T:
        """Do *action* with the lock, or return *otherwise* when it could not be had in time.

        Given back however that ends, also by an exception that a signal handler raises before or after the action.
        """
        try:
            if not self.lock.acquire(timeout=timeout_s) or self.taken:
                return otherwise
            try:
                self.taken = True
                result = action()
                return result  # noqa: RET504 - by itself, for tracers too an exception behind the call comes inside
            finally:
                self.taken = False
        finally:
            try:  # noqa: SIM105 - a call before the release could be where a handler raises
                self.lock.release()
            except RuntimeError:  # another thread has it
                pass

    @contextmanager
    def held(self, timeout_s: float) -> Generator[bool]:
        """Hold the lock inside the block, or tell that it could not be had in time."""
        if not self.lock.acquire(timeout=timeout_s):
            yield False
            return
        try:
            if self.taken:
                yield False
                return
            try:
                self.taken = True
                yield True
            finally:
                self.taken = False
        finally:
            self.lock.release()
