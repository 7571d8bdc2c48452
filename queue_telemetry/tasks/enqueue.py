"""Enqueueing: the scope around handing a task to the broker, and the headers that go with it."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, Literal, Self, TypeVar, cast

from queue_telemetry._runtime import say
from queue_telemetry._runtime.callables import Arguments, Watch, watched
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.metrics import CATALOG
from queue_telemetry.tasks import headers as wire
from queue_telemetry.tasks.awaitables import end_when_awaited, is_awaitable
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
        task_id: The task's id: as said, as the headers say, or generated when the block begins; empty before.
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
        self.task_id = ""
        self.headers: dict[str, str] = {}
        self._tracker = tracker
        self._known_id = wire.id_text(task_id)
        self._given = headers
        self._not_before = not_before
        self._site = site
        self._counting = False
        self._began_s = 0.0

    def __enter__(self) -> Self:
        gate = self._tracker.gate
        self._counting = not gate.asleep or gate.wake()
        given = None if isinstance(self._given, str) else self._given
        self.task_id = self._known_id or wire.read_text(given, wire.TASK_ID) or uuid.uuid4().hex
        self.headers = self._make_headers(given)
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
            ConfigurationError: The function has no parameter of that name that can be filled.
        """
        if isinstance(function, staticmethod | classmethod):
            return cast("F", type(function)(self(function.__func__)))
        parameter = find_parameter(function, self._given, "headers") if isinstance(self._given, str) else None
        if parameter is not None and parameter.positional_only:
            raise ConfigurationError(
                f"headers={self._given!r} names a positional-only parameter, which cannot be filled by name"
            )
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
            task_id=self._known_id,
            headers=headers,
            not_before=self._not_before,
            site=self._site,
        )

    def _make_headers(self, given: Headers | None) -> dict[str, str]:
        now = wire.stamp(self._tracker.clock.time())
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
        return {**_copied(given), **made}


def _copied(headers: Headers | None) -> dict[str, Any]:
    """Return the caller's own headers, whose values go on as they are; what is no mapping is left out."""
    try:
        return {} if headers is None else dict(headers)
    except Exception as fault:  # noqa: BLE001 - the user's class answers here
        say("headers", "headers that cannot be copied are left out: %s", error_type(fault))
        return {}


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

    def returned(self, state: Enqueue, result: Any) -> Any:
        if is_awaitable(result):
            return end_when_awaited(self, state, result)
        self.end(state, None)
        return result
