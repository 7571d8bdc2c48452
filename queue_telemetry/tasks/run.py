"""One run of a task: what its handler may ask and say, and the scope for code that cannot be decorated."""

import uuid
from datetime import datetime
from typing import Final, Literal, Self

from queue_telemetry._runtime import say
from queue_telemetry.tasks import headers as wire
from queue_telemetry.tasks.claim import Taken, find_taken
from queue_telemetry.tasks.context import (
    Context,
    Frame,
    current_context,
    enclosing_run,
    is_within,
    run_of_context,
)
from queue_telemetry.tasks.definition import Definition, Site
from queue_telemetry.tasks.headers import Headers
from queue_telemetry.tasks.outcomes import Outcome, Reason, Verdict, classify, error_type
from queue_telemetry.tasks.record_fields import LIBRARY_KEYS
from queue_telemetry.tasks.series import TaskSeries
from queue_telemetry.tasks.tracker import Tracker
from queue_telemetry.tasks.workers import Workers, WorkerScope

__all__ = ["Run"]

_COMPLETED: Final = Verdict(Outcome.COMPLETED)


class Run:
    """One run of a task. `with`, `async with`, or `start()` and `finish(exception)` by hand.

    What the handler says (`retry`, `fail`, `cancel`, `skip`) beats what it returns or raises; the last word counts.

    Attributes:
        type: The task's type.
        queue: The queue it came from.
        wait_s: How long it waited in the queue, in seconds; None when unknown.
        outer: The run around this one, until this one ends.
    """

    is_claim: Final = False
    _lost_when_dropped = False  # set once nothing but this object's own end will count the end

    def __init__(
        self,
        tracker: Tracker,
        definition: Definition,
        *,
        task_id: object = None,
        headers: Headers | None = None,
        claim: Taken | None = None,
        site: Site,
    ) -> None:
        self.type = definition.type
        self.queue = definition.queue
        self.wait_s: float | None = None
        self.outer: Context = None
        self._parent_id: str | None = None
        self._restore: Context = None
        self._inner: Context = None
        self._by_hand = False
        self._begun = False
        self._began_s: float | None = None
        self._ended = False
        self._tracker = tracker
        self._definition = definition
        self._series: TaskSeries | None = None
        self._task_id = wire.id_text(task_id)
        self._headers = headers
        self._claim = claim
        self._site = site
        self._word: Verdict | None = None
        self._error: BaseException | None = None
        self._not_before_s: float | None = None
        self._tags: dict[str, object] = {}
        self._worker: WorkerScope | None = None

    @classmethod
    def of_frame(
        cls, tracker: Tracker, definition: Definition, frame: Frame, series: TaskSeries, site: Site
    ) -> "Run":
        """Return the run of a wrapper's short way, which has begun already."""
        _, began_s, _, task_id, headers, *_ = frame
        run = cls(tracker, definition, task_id=task_id, headers=headers, site=site)
        run._series = series
        run._begun = True
        run._began_s = began_s
        wait_s = series.wait_s(began_s, *run._stamps())  # the short way counts it
        run.wait_s = None if wait_s is None else max(0.0, wait_s)
        return run

    @property
    def task_id(self) -> str:
        """The task's id: as said, as its headers say, or generated when first asked for."""
        if self._task_id is None:
            self._task_id = wire.read_text(self._headers, wire.TASK_ID) or uuid.uuid4().hex
        return self._task_id

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""
        return wire.read_attempt(self._headers)

    @property
    def parent_id(self) -> str | None:
        """The id of the task that enqueued this one, else of the one that runs around it."""
        parent_id = wire.read_text(self._headers, wire.PARENT_ID) or self._parent_id
        if parent_id is None:
            outer = run_of_context(self.outer)
            parent_id = None if outer is None else outer.task_id
        return parent_id

    @property
    def site(self) -> Site:
        """Where its handler stands, or the code that began it."""
        return self._site

    @property
    def worker_id(self) -> str | None:
        """The worker scope that it began in, None when that is not known."""
        return None if self._worker is None else self._worker.id

    @property
    def workers(self) -> Workers:
        """The worker scopes of the telemetry that this run belongs to."""
        return self._tracker.workers

    @property
    def headers(self) -> dict[str, str]:
        """The headers to requeue this task with: the same id, the next attempt, stamped now."""
        now = wire.stamp(self._tracker.clock.time())
        headers = {
            wire.TASK_ID: self.task_id,
            wire.ATTEMPT: str(self.attempt + 1),
            wire.ENQUEUED_AT: now,
            wire.FIRST_ENQUEUED_AT: wire.read_text(self._headers, wire.FIRST_ENQUEUED_AT)
            or wire.read_text(self._headers, wire.ENQUEUED_AT)
            or now,
        }
        parent_id = self.parent_id
        if parent_id is not None:
            headers[wire.PARENT_ID] = parent_id
        if self._not_before_s is not None:
            headers[wire.NOT_BEFORE] = wire.stamp(self._not_before_s)
        return headers

    def retry(self, *, not_before: float | datetime | None = None) -> None:
        """Say that the task will be tried again; *not_before* is epoch seconds or a datetime, and goes into `headers`."""
        self._word = Verdict(Outcome.RETRIED)
        self._not_before_s = wire.not_before_s(not_before)

    def fail(self, error: BaseException | None = None) -> None:
        """Say that the task failed for good, though the handler may return."""
        self._error = error
        judged = classify(error, self._definition.policy, self)
        self._word = judged if judged.outcome is Outcome.FAILED else Verdict(Outcome.FAILED, Reason.EXCEPTION)

    def cancel(self) -> None:
        """Say that the task was cancelled."""
        self._word = Verdict(Outcome.CANCELLED)

    def skip(self) -> None:
        """Say that there was nothing to do."""
        self._word = Verdict(Outcome.SKIPPED)

    def tag(self, /, **fields: object) -> None:
        """Add fields to this task's records; never to its metrics. A key of the library's own becomes `extra_<key>`."""
        for key, value in fields.items():
            self._tags[f"extra_{key}" if key in LIBRARY_KEYS else key] = value

    def fields(self) -> dict[str, object]:
        """Return the fields that records of this task bear."""
        fields: dict[str, object] = {
            **self._tags,
            "task_id": self.task_id,
            "task_type": self.type,
            "queue": self.queue,
            "attempt": self.attempt,
        }
        parent_id = self.parent_id
        if parent_id is not None:
            fields["parent_id"] = parent_id
        return fields

    def start(self) -> Self:
        """Begin the run by hand, without becoming `current()`. One that is dropped unfinished counts as lost."""
        if not self._begun:
            self._by_hand = True
            self._begin(current_context.get())
        return self

    def finish(self, error: BaseException | None = None) -> None:
        """End a run begun by hand; *error* is what ended it, or None. A second call does nothing."""
        if self._by_hand:
            self._end(error)

    def __enter__(self) -> Self:
        self._resume()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> Literal[False]:
        try:
            self._end(
                None if isinstance(error, GeneratorExit) else error
            )  # a generator around the block closed early
        finally:
            self._suspend()
        return False

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> Literal[False]:
        return self.__exit__(kind, error, traceback)

    def __del__(self) -> None:
        if not self._lost_when_dropped or self._ended:
            return
        series, began_s = self._series, self._began_s
        if series is not None and began_s is not None and began_s >= self._tracker.forked_at_s:
            self._ended = True
            series.uncompleted.mark()
            series.live.pop(id(self), None)
            self._tracker.watch.end(self)
            series.abandoned.mark()
            if self._worker is not None:
                self._worker.ended.mark()

    def _resume(self) -> None:
        """Become `current()`, and begin when this is the first time."""
        self._restore = current_context.get()
        if not self._begun:
            self._begin(self._restore)
        current_context.set(self if self._inner is None else self._inner)

    def _suspend(self) -> None:
        """Restore the context around the run, by value: a generator may be stepped in another context each time.

        What stands open inside the run, a claim around a generator's `yield` say, is put back when it goes on.
        """
        context = current_context.get()
        if is_within(context, self):
            self._inner = None if context is self or self._ended else context
            current_context.set(self._restore)
        self._restore = None

    def _begin(self, outer: Context) -> None:
        """Begin, once: join the delivery that *outer* brought, and count the beginning when events are recorded."""
        tracker, definition = self._tracker, self._definition
        self._begun = True
        self.outer = enclosing_run(outer)
        joined = self._join(outer)
        if tracker.gate.asleep and not tracker.gate.wake():
            return
        self._series = series = tracker.series(self.type, self.queue, definition.static_tags)
        if joined:
            series.joined.mark()
        began = series.started.marks.mark
        self._began_s = began_s = tracker.clock.monotonic()
        self._lost_when_dropped = True
        self._worker = tracker.workers.scope()
        if self._worker is not None:
            self._worker.began.mark()
        began()
        series.live[id(self)] = began_s
        if tracker.watch.is_on:
            tracker.watch.begin(self, began_s)
        self.wait_s = series.keep_wait(began_s, *self._stamps())
        if not joined:
            tracker.lifecycle.claimed(self, self._site)

    def _join(self, context: Context) -> bool:
        """Take over what the delivery knows; tell whether this is its first run, whose claim is counted already."""
        ids = wire.known_ids(self._task_id, self._headers)
        taken = self._claim or find_taken(context, self._tracker, self.type, ids)
        if taken is None:
            return False
        first = taken is not self._claim or (taken.tracker is self._tracker and taken.join())
        self.queue = taken.queue
        if self._headers is None:
            self._headers = taken.headers
        if not ids:
            self._task_id = taken.task_id
        return first

    def _stamps(self) -> tuple[str | None, str | None]:
        headers = self._headers
        return wire.read_text(headers, wire.ENQUEUED_AT), wire.read_text(headers, wire.NOT_BEFORE)

    def _end(self, error: BaseException | None, *, marked: bool = False) -> None:
        """Count the end, once. *marked* when the wrapper's short way has marked it already."""
        series, began_s = self._series, self._began_s
        if self._ended or series is None or began_s is None:
            return
        if began_s < self._tracker.forked_at_s:  # begun in the parent process, which ends it too
            self._ended = True
            return
        completed = error is None and self._word is None
        mark = series.completed.marks.mark if completed else series.uncompleted.mark
        self._ended = True
        if not marked:
            mark()
        duration_s = self._tracker.clock.monotonic() - began_s
        series.live.pop(id(self), None)
        self._tracker.watch.end(self)
        if self._worker is not None:
            self._worker.ended.mark()
        if completed:
            series.duration.append(duration_s)
        try:
            self._tell_end(series, error, duration_s)
        except Exception as fault:  # noqa: BLE001 - the user's exception and its class answer in there
            say("run_end", "the end of a run could not be told in full: %s", error_type(fault))
        self._let_go_of_outer()
        if self._tracker.on_end is not None:
            self._tracker.on_end(series)

    def _let_go_of_outer(self) -> None:
        """Keep of the run around this one its id alone: a chain of runs, each begun inside the last, is never freed."""
        self._inner = None
        if isinstance(self.outer, Run):  # a frame has nothing around it, and may not have made its id yet
            self._parent_id = self.parent_id
            self.outer = None

    def _tell_end(self, series: TaskSeries, error: BaseException | None, duration_s: float) -> None:
        tracker = self._tracker
        verdict = self._word
        if verdict is None:
            verdict = _COMPLETED if error is None else classify(error, self._definition.policy, self)
        elif verdict.outcome is Outcome.FAILED and self._error is not None:
            error = self._error
        fingerprint = None
        if verdict.outcome is not Outcome.COMPLETED:
            fingerprint = tracker.count_end(series, verdict, error, duration_s)
        worker = tracker.workers.scope()
        if worker is not None:
            worker.renew_beat()
        tracker.lifecycle.ended(self, verdict, error, duration_s, site=self._site, fingerprint=fingerprint)
