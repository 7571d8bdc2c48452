"""A bell: one waits for it, anybody rings it, a signal handler too."""

import threading
from contextlib import suppress

__all__ = ["Bell"]


class Bell:
    """Ends one wait with each ring. A ring before the wait is kept, a second one is not.

    A bare lock, held but for a ring: an Event has a lock inside, which an exception that a signal handler raises in
    `set` or `wait` leaves locked, or gives back twice.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def ring(self) -> None:
        """End the present wait, or the next one. Must not block or raise."""
        with suppress(RuntimeError):  # it rings already
            self._lock.release()

    def wait(self, timeout_s: float) -> bool:
        """Wait for a ring, at most so many seconds; tell whether there was one."""
        return self._lock.acquire(timeout=min(max(timeout_s, 0.0), threading.TIMEOUT_MAX))
