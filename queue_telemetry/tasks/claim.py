"""Claims: the fetch from the broker, and each task that it brought."""

import itertools
import sys
from collections import deque
from contextlib import suppress
from typing import Final, Literal, Self

from queue_telemetry.metrics import CATALOG
from queue_telemetry.tasks import headers as wire
from queue_telemetry.tasks.context import Context, current_context, enclosing_run
from queue_telemetry.tasks.definition import Site
from queue_telemetry.tasks.headers import Headers
from queue_telemetry.tasks.outcomes import error_type
from queue_telemetry.tasks.tracker import Tracker
from queue_telemetry.tasks.workers import WorkerScope

__all__ = ["Claim", "Taken", "find_taken"]

_EMPTY: Final = CATALOG["queue.claims.empty"]
_FAILED: Final = CATALOG["queue.claims.failed"]
_DURATION: Final = CATALOG["queue.claim.duration"]
_MAX_WAITING: Final = 10_000  # taken and not run yet; a loop inside one claim must not grow it for ever


class Taken:
    """One delivery of one task. Its run joins it once: inside the claim's block, in `with taken:`, or by hand.

    Attributes:
        type: The task's type.
        queue: The queue that it was taken from.
        task_id: Its id, None when neither the caller nor the headers told.
        headers: The headers that came with it.
        outer: The run around the block.
    """

    is_claim: Final = True

    def __init__(self, type_: str, queue: str, task_id: str | None, headers: Headers | None) -> None:
        self.type = type_
        self.queue = queue
        self.task_id = task_id
        self.headers = headers
        self.outer: Context = None
        self._restore: Context = None
        self._ids = wire.known_ids(task_id, headers)
        self._joins = itertools.count().__next__

    def matches(self, type_: str, ids: frozenset[str]) -> bool:
        """Tell whether a run is this delivery's: same type, and an id in common where both know one."""
        return type_ == self.type and (not ids or not self._ids or not ids.isdisjoint(self._ids))

    def join(self) -> bool:
        """Let a run join; only the first may."""
        return self._joins() == 0

    def fields(self) -> dict[str, object]:
        """Return the fields that records of this task bear."""
        fields: dict[str, object] = {"task_type": self.type, "queue": self.queue}
        if self.task_id is not None:
            fields["task_id"] = self.task_id
        fields["attempt"] = wire.read_attempt(self.headers)
        return fields

    def __enter__(self) -> Self:
        context = current_context.get()
        if context is not self:
            self._restore, self.outer = context, enclosing_run(context)
        current_context.set(self)
        return self

    def __exit__(self, *_: object) -> Literal[False]:
        if current_context.get() is self:
            current_context.set(self._restore)
        self._restore = None
        return False

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> Literal[False]:
        return self.__exit__()


class Claim:
    """One fetch from the broker: `with` or `async with` around it and what it brought.

    Times the fetch up to the first `took()`. A quiet exit with nothing taken is an empty poll; an exception before
    anything was taken is a failed claim.

    Attributes:
        queue: The queue that it fetches from.
        outer: The run around the block.
    """

    is_claim: Final = True

    def __init__(self, tracker: Tracker, queue: str, site: Site) -> None:
        self.queue = queue
        self.outer: Context = None
        self._restore: Context = None
        self._tracker = tracker
        self._site = site
        self._worker: WorkerScope | None = None
        self._began_s = 0.0
        self._fetching = False
        self._waiting: deque[Taken] = deque(maxlen=_MAX_WAITING)

    def took(self, type: str, *, task_id: object = None, headers: Headers | None = None) -> Taken:  # noqa: A002
        """Say that a task was taken; once for each delivery, repeat it for a batch.

        Args:
            type: The task's type, as its handler is decorated.
            task_id: The task's id, if it is not in the headers.
            headers: The headers that `enqueue` made and the broker brought.
        """
        known_id = wire.id_text(task_id) or wire.read_text(headers, wire.TASK_ID)
        taken = Taken(str(type), self.queue, known_id, headers)
        counting = self._counts()
        if self._fetching:
            self._end_fetch()
            if counting:
                timer = self._tracker.registry.timer(_DURATION, (self.queue,))
                timer.marks.mark()
                timer.append(self._tracker.clock.monotonic() - self._began_s)
        if counting:
            self._tracker.series(taken.type, self.queue, ()).claimed.marks.mark()
            self._tracker.lifecycle.claimed(taken, Site.of_frame(sys._getframe(1)))
        self._waiting.append(taken)
        return taken

    def find(self, type_: str, ids: frozenset[str]) -> Taken | None:
        """Return the delivery that a run of this context joins, None when none is its own."""
        for taken in list(self._waiting):
            if taken.matches(type_, ids) and taken.join():
                with suppress(ValueError):  # a full deque has let it go meanwhile
                    self._waiting.remove(taken)
                return taken
        return None

    def __enter__(self) -> Self:
        self._worker = self._tracker.workers.scope()
        if self._worker is not None:
            self._worker.claiming += 1
        self._waiting.clear()
        context = current_context.get()
        if context is not self:
            self._restore, self.outer = context, enclosing_run(context)
        current_context.set(self)
        self._fetching = True
        self._began_s = self._tracker.clock.monotonic()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> Literal[False]:
        if current_context.get() is self:
            current_context.set(self._restore)
        self._restore = None
        if self._fetching:
            self._end_fetch()
            if self._counts():
                self._count_nothing_taken(error)
        elif self._worker is not None:
            self._worker.beat()
        return False

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> Literal[False]:
        return self.__exit__(kind, error, traceback)

    def _counts(self) -> bool:
        gate = self._tracker.gate
        return not gate.asleep or gate.wake()

    def _end_fetch(self) -> None:
        self._fetching = False
        if self._worker is not None:
            self._worker.claiming -= 1
            self._worker.beat()

    def _count_nothing_taken(self, error: BaseException | None) -> None:
        registry = self._tracker.registry
        if error is None:
            registry.counter(_EMPTY, (self.queue,)).marks.mark()
        elif isinstance(error, Exception):  # the others end the worker, they are no fault of the broker
            registry.counter(_FAILED, (self.queue, error_type(error))).marks.mark()
            self._tracker.lifecycle.claim_failed(self.queue, self._site, error)


def find_taken(context: Context, type_: str, ids: frozenset[str]) -> Taken | None:
    """Return the delivery that a run in this context joins; a run inside another run joins none."""
    if isinstance(context, Claim):
        return context.find(type_, ids)
    if isinstance(context, Taken) and context.matches(type_, ids) and context.join():
        return context
    return None
