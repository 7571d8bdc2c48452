"""Claims: the fetch from the broker, and each task that it brought."""

import itertools
import sys
from typing import Final, Literal, Self

from queue_telemetry.metrics import CATALOG, tag_text
from queue_telemetry.tasks import headers as wire
from queue_telemetry.tasks.context import Context, current_context, enclosing_run
from queue_telemetry.tasks.definition import Site
from queue_telemetry.tasks.deliveries import Deliveries
from queue_telemetry.tasks.headers import Headers
from queue_telemetry.tasks.outcomes import error_type
from queue_telemetry.tasks.tracker import Tracker
from queue_telemetry.tasks.workers import WorkerScope

__all__ = ["Claim", "Taken", "find_taken"]

_EMPTY: Final = CATALOG["queue.claims.empty"]
_FAILED: Final = CATALOG["queue.claims.failed"]
_DURATION: Final = CATALOG["queue.claim.duration"]


class Taken:
    """One delivery of one task. Its run joins it once: inside the claim's block, in `with taken:`, or by hand.

    Attributes:
        type: The task's type.
        queue: The queue that it was taken from.
        task_id: Its id, None when neither the caller nor the headers told.
        headers: The headers that came with it.
        tracker: The tasks of the telemetry that counted its claim.
        ids: Every id that it is known by.
        joined: Whether a run has joined it.
        outer: The run around the block.
    """

    is_claim: Final = True

    def __init__(
        self, tracker: Tracker, type_: str, queue: str, task_id: str | None, headers: Headers | None
    ) -> None:
        self.tracker = tracker
        self.type = type_
        self.queue = queue
        self.task_id = task_id
        self.headers = headers
        self.outer: Context = None
        self._restore: Context = None
        self.ids = wire.known_ids(task_id, headers)
        self.joined = False
        self._joins = itertools.count().__next__

    def matches(self, type_: str, ids: frozenset[str]) -> bool:
        """Tell whether a run is this delivery's: same type, and an id in common where both know one."""
        return type_ == self.type and (not ids or not self.ids or not ids.isdisjoint(self.ids))

    def join(self) -> bool:
        """Let a run join; only the first may."""
        self.joined = True
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
        tracker: The tasks of the telemetry that it belongs to.
        outer: The run around the block.
    """

    is_claim: Final = True

    def __init__(self, tracker: Tracker, queue: str, site: Site) -> None:
        self.queue = queue
        self.outer: Context = None
        self._restore: Context = None
        self.tracker = tracker
        self._site = site
        self._worker: WorkerScope | None = None
        self._began_s = 0.0
        self._fetching = False
        self._waiting = Deliveries()

    def took(self, type: str, *, task_id: object = None, headers: Headers | None = None) -> Taken:  # noqa: A002
        """Say that a task was taken; once for each delivery, repeat it for a batch.

        Args:
            type: The task's type, as its handler is decorated.
            task_id: The task's id, if it is not in the headers.
            headers: The headers that `enqueue` made and the broker brought.
        """
        known_id = wire.id_text(task_id) or wire.read_text(headers, wire.TASK_ID)
        taken = Taken(self.tracker, tag_text(type), self.queue, known_id, headers)
        counting = self._counts()
        if self._fetching:
            self._end_fetch()
            if counting:
                timer = self.tracker.registry.timer(_DURATION, (self.queue,))
                timer.marks.mark()
                timer.append(self.tracker.clock.monotonic() - self._began_s)
        if counting:
            self.tracker.series(taken.type, self.queue, ()).claimed.marks.mark()
            self.tracker.lifecycle.claimed(taken, Site.of_frame(sys._getframe(1)))
        self._waiting.add(taken)
        return taken

    def find(self, type_: str, ids: frozenset[str]) -> Taken | None:
        """Return the delivery that a run of this context joins, None when none is its own."""
        taken = self._waiting.join(type_, ids)
        if taken is None and self._waiting.join_let_go(type_):
            taken = Taken(self.tracker, type_, self.queue, None, None)
        return taken

    def __enter__(self) -> Self:
        self._worker = self.tracker.workers.scope()
        if self._worker is not None:
            self._worker.claiming += 1
        self._waiting = Deliveries()
        context = current_context.get()
        if context is not self:
            self._restore, self.outer = context, enclosing_run(context)
        current_context.set(self)
        self._fetching = True
        self._began_s = self.tracker.clock.monotonic()
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
        gate = self.tracker.gate
        return not gate.asleep or gate.wake()

    def _end_fetch(self) -> None:
        self._fetching = False
        if self._worker is not None:
            self._worker.claiming -= 1
            self._worker.beat()

    def _count_nothing_taken(self, error: BaseException | None) -> None:
        registry = self.tracker.registry
        if error is None:
            registry.counter(_EMPTY, (self.queue,)).marks.mark()
        elif isinstance(error, Exception):  # the others end the worker, they are no fault of the broker
            registry.counter(_FAILED, (self.queue, error_type(error))).marks.mark()
            self.tracker.lifecycle.claim_failed(self.queue, self._site, error)


def find_taken(context: Context, tracker: Tracker, type_: str, ids: frozenset[str]) -> Taken | None:
    """Return the delivery that a run in this context joins; a run inside another run joins none."""
    if not isinstance(context, Claim | Taken) or context.tracker is not tracker:
        return None  # another telemetry's claim is counted there
    if isinstance(context, Claim):
        return context.find(type_, ids)
    return context if context.matches(type_, ids) and context.join() else None
