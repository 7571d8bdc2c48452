"""Worker scopes: which workers of this process are open, their slots, and when each last gave a sign of life."""

from contextlib import suppress
from contextvars import ContextVar
from typing import Final, Literal, Self

from queue_telemetry._runtime import Clock, Gate
from queue_telemetry.metrics import CATALOG, Batch, Marks, Series

__all__ = ["WorkerScope", "Workers"]

_ACTIVE: Final = Series(CATALOG["queue.active_workers"])
_USED: Final = Series(CATALOG["queue.worker.slots"], ("used",))
_TOTAL: Final = Series(CATALOG["queue.worker.slots"], ("total",))

_current_worker: ContextVar["WorkerScope | None"] = ContextVar("queue_telemetry_worker", default=None)


class Workers:
    """The open worker scopes of this process.

    Attributes:
        default_id: What a record says when no scope tells: the configured id, else host:pid.
        ever_opened: Whether there was a scope at all; without one the number of workers is unknown.
    """

    def __init__(self, clock: Clock) -> None:
        self.default_id = ""
        self.ever_opened = False
        self._clock = clock
        self._open: list[WorkerScope] = []  # one that is entered twice stands there twice

    def worker_id(self) -> str:
        """Return the worker that this code runs for: the context's, else the only open one, else the default."""
        scope = self.scope()
        return self.default_id if scope is None else scope.id

    def active(self) -> int | None:
        """Return how many scopes are open, None before the first one was."""
        return len(set(self._open)) if self.ever_opened else None

    def slots(self) -> int:
        """Return the slots of all open scopes together."""
        return sum(scope.slots for scope in list(set(self._open)))

    def heartbeat_age_s(self, in_flight: int) -> float | None:
        """Return the age of the oldest last sign of life among the scopes that gave one and are idle now.

        A scope that waits inside `claim` is alive however long the broker keeps it, so is one with a run of its own in
        flight, and one that never claimed or beat promised no sign. None when no scope is left to tell.

        Args:
            in_flight: Runs in flight in the process. Of those that took a wrapper's short way, or run in a thread of no
                scope, nobody knows the scope: while there are any, none is judged.
        """
        now_s = self._clock.monotonic()
        scopes = list(set(self._open))
        if in_flight > sum(scope.running() for scope in scopes):
            return None
        beats = [scope.last_beat_s for scope in scopes if not scope.claiming and not scope.running()]
        ages = [now_s - beat_s for beat_s in beats if beat_s is not None]
        return max(ages) if ages else None

    def scope(self) -> "WorkerScope | None":
        """Return the scope of this context, else the only open one."""
        scope = _current_worker.get()
        if scope is None:
            scopes = list(set(self._open))
            scope = scopes[0] if len(scopes) == 1 else None
        return scope

    def drain(self, batch: Batch, in_flight: int) -> None:
        """Put the gauges of the scopes into the batch."""
        if self.ever_opened:
            total = self.slots()
            batch.gauges += [
                (_ACTIVE, len(set(self._open)), 0),
                (_USED, min(in_flight, total), 0),
                (_TOTAL, total, 0),
            ]

    def clear(self) -> None:
        """In a forked child: the parent's scopes are not this process's."""
        self.ever_opened = False
        self._open = []

    def _add(self, scope: "WorkerScope") -> None:
        self.ever_opened = True
        self._open.append(scope)

    def _remove(self, scope: "WorkerScope") -> None:
        with suppress(ValueError):  # it was the parent's, before a fork
            self._open.remove(scope)


class WorkerScope:
    """One worker at work: `with` or `async with`, around its loop.

    Attributes:
        id: The worker's id, in records; never a tag.
        slots: Tasks it can run at a time.
        claiming: How many `claim` blocks of it are waiting now.
        began: Runs that are known to have begun in it.
        ended: Those of them that ended.
        last_beat_s: When it last gave a sign of life, monotonic seconds; None before the first.
    """

    def __init__(self, workers: Workers, gate: Gate, clock: Clock, worker_id: str, slots: int) -> None:
        self.id = worker_id
        self.slots = slots
        self.claiming = 0
        self.began = Marks()
        self.ended = Marks()
        self.last_beat_s: float | None = None
        self._workers = workers
        self._gate = gate
        self._clock = clock
        self._outer: WorkerScope | None = None

    def running(self) -> int:
        """Return how many runs are known to be in flight in it. Ends are read first, so it is never negative by a race."""
        ended = self.ended.read()
        return self.began.read() - ended

    def beat(self) -> None:
        """Give a sign of life; claims do so by themselves. The first one promises more."""
        self.last_beat_s = self._clock.monotonic()

    def renew_beat(self) -> None:
        """Give a sign of life if one was promised: the end of a run is one, but not each run tells its end."""
        if self.last_beat_s is not None:
            self.beat()

    def __enter__(self) -> Self:
        if self._gate.asleep:
            self._gate.wake()  # an event: an idle worker's gauges are sent too
        outer = _current_worker.get()
        if outer is not self:
            self._outer = outer
        _current_worker.set(self)
        self._workers._add(self)
        return self

    def __exit__(self, *_: object) -> Literal[False]:
        self._workers._remove(self)
        if _current_worker.get() is self and self not in self._workers._open:
            _current_worker.set(self._outer)
            self._outer = None
        return False

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> Literal[False]:
        return self.__exit__()
