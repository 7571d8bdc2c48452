"""Watches runs while they go on, and tells of those that take long."""

import weakref
from typing import TYPE_CHECKING

from queue_telemetry._runtime import Clock
from queue_telemetry.tasks.lifecycle import Lifecycle

if TYPE_CHECKING:
    from queue_telemetry.tasks.run import Run

__all__ = ["RunWatch"]


class RunWatch:
    """The runs that are in flight, while a limit is set.

    It needs each run as an object: with a limit set no handler takes its short way, which costs each call what a
    lifecycle record would, without the record.

    Attributes:
        slow_s: A run that goes on for so long is told of once as slow, seconds; 0 for never.
        stuck_s: The same as stuck.
    """

    def __init__(self, clock: Clock, lifecycle: Lifecycle) -> None:
        self.slow_s = 0.0
        self.stuck_s = 0.0
        self._clock = clock
        self._lifecycle = lifecycle
        self._watched: dict[int, _Watched] = {}

    @property
    def is_on(self) -> bool:
        """Whether runs are to be watched."""
        return bool(self.slow_s or self.stuck_s)

    def begin(self, run: "Run", began_s: float) -> None:
        """Watch a run that begins. Must not raise."""
        run.task_id  # noqa: B018 - made here, so that its thread and the one that tells never make two
        self._watched[id(run)] = _Watched(run, began_s)

    def end(self, run: "Run") -> None:
        """Stop watching a run."""
        self._watched.pop(id(run), None)

    def tell(self) -> None:
        """Tell of each run that passed a limit since the last time. Not on a task's thread."""
        now_s = self._clock.monotonic()
        for key, watched in list(self._watched.items()):
            run, running_s = watched.run(), now_s - watched.began_s
            if run is None:  # dropped, and no end will come
                self._watched.pop(key, None)
            elif not watched.told_stuck and self.stuck_s and running_s >= self.stuck_s:
                watched.told_slow = watched.told_stuck = True
                self._lifecycle.goes_on(run, running_s, is_stuck=True)
            elif not watched.told_slow and self.slow_s and running_s >= self.slow_s:
                watched.told_slow = True
                self._lifecycle.goes_on(run, running_s, is_stuck=False)

    def clear(self) -> None:
        """In a forked child: the parent's runs are not this process's."""
        self._watched.clear()


class _Watched:
    __slots__ = ("began_s", "run", "told_slow", "told_stuck")

    def __init__(self, run: "Run", began_s: float) -> None:
        self.run = weakref.ref(run)  # or an abandoned one would never be known as lost
        self.began_s = began_s
        self.told_slow = self.told_stuck = False
