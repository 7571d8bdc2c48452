"""Enqueueing: the scope around handing a task to the broker, and the headers that go with it."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Literal, Self, TypeVar

from queue_telemetry._runtime.callables import Arguments, Watch, watched
from queue_telemetry.metrics import CATALOG
from queue_telemetry.tasks import headers as wire
from queue_telemetry.tasks.context import current_run
from queue_telemetry.tasks.definition import Parameter, Site, find_parameter
from queue_telemetry.tasks.headers import Headers
from queue_telemetry.tasks.outcomes import error_type
from queue_telemetry.tasks.tracker import Tracker

__all__ = ["Enqueue"]

F = TypeVar("F", bound=Callable[..., object])

_ENQUEUED: Final = CATALOG["queue.tasks.enqueued"]
_FAILED: Final = CATALOG["queue.enqueue.failed"]
_DURATION: Final = CATALOG["queue.enqueue.duration"]


class Enqueue:
    """One task on its way to the broker: `with`, `async with`, or a decorator that makes a fresh one for each call.

    Counts when the block ends well, and as failed when it raises.

    Attributes:
        type: The task's type.
        queue: The queue it goes to.
        headers: What to send with it: the caller's own headers and the library's `qt-*`, made when the block begins.
    """

    def __init__(
        self,
        tracker: Tracker,
        type_: str,
        queue: str,
        *,
        task_id: object,
        headers: Headers | str | None,
        not_before: float | datetime | None,
        site: Site,
    ) -> None:
        self.type = type_
        self.queue = queue
        self.headers: dict[str, str] = {}
        self._tracker = tracker
        self._task_id = wire.id_text(task_id)
        self._given = headers
        self._not_before = not_before
        self._site = site
        self._counting = False
        self._began_s = 0.0

    @property
    def task_id(self) -> str:
        """The task's id: as said, as the headers say, or generated."""
        if self._task_id is None:
            given = None if isinstance(self._given, str) else self._given
            self._task_id = wire.read_text(given, wire.TASK_ID) or uuid.uuid4().hex
        return self._task_id

    def __enter__(self) -> Self:
        gate = self._tracker.gate
        self._counting = not gate.asleep or gate.wake()
        self.headers = self._make_headers(None if isinstance(self._given, str) else self._given)
        self._began_s = self._tracker.clock.monotonic()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> Literal[False]:
        if not self._counting:
            return False
        registry, lifecycle = self._tracker.registry, self._tracker.lifecycle
        if error is None:
            registry.counter(_ENQUEUED, (self.queue, self.type)).marks.mark()
            timer = registry.timer(_DURATION, (self.queue,))
            timer.marks.mark()
            timer.append(self._tracker.clock.monotonic() - self._began_s)
            lifecycle.enqueued(self.fields(), self._site)
        else:
            registry.counter(_FAILED, (self.queue, error_type(error))).marks.mark()
            lifecycle.enqueue_failed(self.fields(), self._site, error)
        return False

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> Literal[False]:
        return self.__exit__(kind, error, traceback)

    def __call__(self, function: F, /) -> F:
        """Have every call of *function* count as one task handed to the broker.

        Given `headers` as a parameter's name, that parameter is filled when the caller passed nothing or None; headers
        that the caller did pass tell the id and the attempt, and go on as they are.

        Raises:
            ConfigurationError: The function has no parameter of that name.
        """
        parameter = find_parameter(function, self._given, "headers") if isinstance(self._given, str) else None
        return watched(function, _EnqueueWatch(self, parameter))

    def fields(self) -> dict[str, object]:
        """Return the fields that records of this task bear."""
        fields: dict[str, object] = {
            "task_type": self.type,
            "queue": self.queue,
            "task_id": self.task_id,
            "attempt": wire.read_attempt(self.headers),
        }
        parent_id = self.headers.get(wire.PARENT_ID)
        if parent_id is not None:
            fields["parent_id"] = parent_id
        return fields

    def _fresh(self, headers: Headers | None) -> "Enqueue":
        return Enqueue(
            self._tracker,
            self.type,
            self.queue,
            task_id=self._task_id,
            headers=headers,
            not_before=self._not_before,
            site=self._site,
        )

    def _make_headers(self, given: Headers | None) -> dict[str, str]:
        now = wire.stamp(self._tracker.clock.time())
        headers = {} if given is None else dict(given)
        made: dict[str, str] = {
            wire.TASK_ID: self.task_id,
            wire.ATTEMPT: str(wire.read_attempt(given)),
            wire.ENQUEUED_AT: now,
            wire.FIRST_ENQUEUED_AT: wire.read_text(given, wire.FIRST_ENQUEUED_AT) or now,
        }
        parent_id = wire.read_text(given, wire.PARENT_ID)
        if parent_id is None:
            run = current_run()
            parent_id = run.task_id if run is not None and run.task_id != self.task_id else None
        if parent_id is not None:
            made[wire.PARENT_ID] = parent_id
        not_before_s = wire.not_before_s(self._not_before)
        if not_before_s is not None:
            made[wire.NOT_BEFORE] = wire.stamp(not_before_s)
        return {**headers, **made}  # type: ignore[dict-item] # the caller's own values go on as they are


class _EnqueueWatch(Watch[Enqueue]):
    """Around each call of a decorated publisher."""

    def __init__(self, template: Enqueue, parameter: Parameter | None) -> None:
        self._template = template
        self._parameter = parameter

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Arguments, Enqueue]:
        parameter = self._parameter
        given = None if parameter is None else parameter.read(args, kwargs)
        enqueue = self._template._fresh(given if isinstance(given, Mapping) else None)
        enqueue.__enter__()
        if parameter is not None and given is None:
            args, kwargs = parameter.replace(args, kwargs, enqueue.headers)
        return (args, kwargs), enqueue

    def end(self, state: Enqueue, error: BaseException | None) -> None:
        state.__exit__(None, error, None)
