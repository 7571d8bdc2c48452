"""Whose turn it is to flush: one thread at a time, and nobody waits past a deadline of his own."""

import threading
import time

__all__ = ["Turn"]


class Turn:
    """A turn that is held through a whole flush, whose sends never wait. It guards the flush's state, not the folding.

    A thread that has the turn already, as when a signal handler interrupts its flush, is told no at once.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: int | None = None

    def take(self, deadline: float) -> bool:
        """Wait for the turn until *deadline* (seconds, monotonic); past it one attempt is made. Tell if it was got."""
        if self._holder == threading.get_ident():
            return False
        if not self._lock.acquire(timeout=max(deadline - time.monotonic(), 0.0)):
            return False
        self._holder = threading.get_ident()
        return True

    def end(self) -> None:
        """Let the next one have it."""
        self._holder = None
        self._lock.release()
