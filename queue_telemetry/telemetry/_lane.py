"""A bounded queue with a thread behind it, for what may call the user's code and must hold up nothing else."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from queue_telemetry._runtime import BackgroundLoop

__all__ = ["Lane"]

_MOST: Final = 50  # alerts are few; more of them waiting means that the user's code hangs
_IDLE_S: Final = 3600.0


class Lane:
    """Does what it is given on a thread of its own, one after the other. The thread starts with the first job.

    Not fork-aware: a child makes its own.

    Args:
        name: The thread's name.

    Attributes:
        lost: Jobs that made room for newer ones, or came to no thread.
    """

    def __init__(self, name: str) -> None:
        self.lost = 0
        self._name = name
        self._jobs: deque[Callable[[], None]] = deque()
        self._loop: BackgroundLoop | None = None
        self._stopped = False

    def put(self, job: Callable[[], None]) -> None:
        """Have *job* done soon; it must not raise. One caller at a time. Must not block or raise."""
        if self._stopped:
            self.lost += 1
            return
        self._jobs.append(job)
        while len(self._jobs) > _MOST:
            self._jobs.popleft()
            self.lost += 1
        if self._loop is None or not self._loop.alive:
            self._loop = BackgroundLoop(self._name, self._step, calls_user=True)
            self._loop.start()  # where that cannot be, the next job tries again
        self._loop.wake()
        self._end_when_stopped()  # by another thread, which did not see the loop

    def stop(self) -> None:
        """Do nothing more after the present job, for good; what waits is lost. Waits for nothing."""
        self._stopped = True
        with suppress(IndexError):  # the last is just being taken
            while self._jobs:
                self._jobs.popleft()
                self.lost += 1
        self._end_when_stopped()

    def _end_when_stopped(self) -> None:
        if self._stopped and self._loop is not None:
            self._loop.stop(0.0)

    def _step(self) -> float:
        while not self._stopped:
            try:
                job = self._jobs.popleft()
            except IndexError:
                break
            job()
        return _IDLE_S
