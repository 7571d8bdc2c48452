"""Watches runs while they go on, and tells of those that take long."""

import weakref
from typing import TYPE_CHECKING

from queue_telemetry._runtime import Clock
from queue_telemetry.tasks.context import Frame, run_of_frame
from queue_telemetry.tasks.lifecycle import Lifecycle
from queue_telemetry.tasks.workers import WorkerScope

if TYPE_CHECKING:
    from queue_telemetry.tasks.run import Run

__all__ = ["RunWatch"]


class RunWatch:
    """The runs that are in flight, while a limit is set.

    A decorated handler leaves its frame here, of which a Run is made only when there is something to tell of it; whatever
    else begins a run leaves the Run.

    Attributes:
        slow_s: A run that goes on for so long is told of once as slow, seconds; 0 for never.
        stuck_s: The same as stuck.
        frames: The frames of handlers in flight, by their ids, with the worker scope that each began in.
    """

    def __init__(self, clock: Clock, lifecycle: Lifecycle) -> None:
        self.slow_s = 0.0
        self.stuck_s = 0.0
        self.frames: dict[int, tuple[Frame, WorkerScope | None]] = {}
        self._clock = clock
        self._lifecycle = lifecycle
        self._watched: dict[int, _Watched] = {}
        self._told: dict[int, tuple[Frame, _Told]] = {}

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
            run = watched.run()
            if run is None:  # dropped, and no end will come
                self._watched.pop(key, None)
            else:
                self._tell(run, now_s - watched.began_s, run.worker_id, watched.told)
        told, self._told = self._told, {}
        least_s = min(limit_s for limit_s in (self.slow_s, self.stuck_s) if limit_s) if self.is_on else 0.0
        for key, (frame, scope) in list(self.frames.items()):
            running_s = now_s - frame[1]
            if self.is_on and running_s >= least_s:
                before = told.get(key)  # the id may be that of a frame that is no more
                known = before[1] if before is not None and before[0] is frame else _Told()
                self._told[key] = frame, known
                self._tell(run_of_frame(frame), running_s, None if scope is None else scope.id, known)

    def clear(self) -> None:
        """In a forked child: the parent's runs are not this process's."""
        self._watched.clear()
        self.frames.clear()
        self._told.clear()

    def _tell(self, run: "Run", running_s: float, worker_id: str | None, told: "_Told") -> None:
        if not told.stuck and self.stuck_s and running_s >= self.stuck_s:
            told.slow = told.stuck = True
            self._lifecycle.goes_on(run, running_s, worker_id, is_stuck=True)
        elif not told.slow and self.slow_s and running_s >= self.slow_s:
            told.slow = True
            self._lifecycle.goes_on(run, running_s, worker_id, is_stuck=False)


class _Told:
    __slots__ = ("slow", "stuck")

    def __init__(self) -> None:
        self.slow = self.stuck = False


class _Watched:
    __slots__ = ("began_s", "run", "told")

    def __init__(self, run: "Run", began_s: float) -> None:
        self.run = weakref.ref(run)  # or an abandoned one would never be known as lost
        self.began_s = began_s
        self.told = _Told()
