"""A lock that a thread gets once, so that a signal handler neither waits for the code it interrupts nor goes in with it."""

import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final, TypeVar

__all__ = ["OwnedLock"]

T = TypeVar("T")

_MOST_PARKED: Final = 1_000  # of one signal handler, which goes on while the owner waits for it


class OwnedLock:
    """A lock for one thread at a time, and for each thread once: who has it already is told that it cannot be had.

    What cannot be done then may be parked: the owner does it on its way out, also when an exception takes it there.
    Re-entrant underneath: who owns it is then known to the interpreter itself, at every byte code.

    Attributes:
        lock: What is underneath, for a path that cannot afford the call of `run`.
        taken: Whether its owner is at work. Whoever takes `lock` looks here first and sets it for as long.
        parked: What is to be done when it is free, by the thread that has it; whoever frees it looks here, and calls
            `do_parked`.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.taken = False
        self.parked: dict[int, deque[Callable[[], object]]] = {}
        self._doers: set[int] = set()

    @property
    def is_mine(self) -> bool:
        """Whether this thread has it: the caller runs in a signal handler below the work that it guards.

        Also in the moment when it has just been had, and nothing is done yet. As `threading.Condition` asks.
        """
        return bool(self.lock._is_owned())  # type: ignore[attr-defined]

    def park(self, action: Callable[[], object], *, always: bool = False) -> bool:
        """Have *action* done by this thread when its work below is over; for whose the lock is.

        Returns:
            False when too much waits for that, unless it is to be done *always*.
        """
        mine = self.parked.setdefault(threading.get_ident(), deque())
        if len(mine) >= _MOST_PARKED and not always:
            return False
        mine.append(action)
        return True

    def do_parked(self) -> None:
        """Do what this thread parked, in its order; nothing where it still has the lock, or is at it already."""
        me = threading.get_ident()
        if me in self._doers or self.is_mine:
            return
        try:
            self._doers.add(me)
            while mine := self.parked.get(me):
                mine.popleft()()
        finally:
            self._doers.discard(me)
            if not self.parked.get(me):
                self.parked.pop(me, None)

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
            if self.parked and not self.taken:
                self.do_parked()

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
