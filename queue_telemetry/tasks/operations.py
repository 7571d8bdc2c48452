"""The operations on a queue that users decorate and wrap: task, enqueue, claim, run, worker, and what they may ask."""

import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Protocol, TypeVar, overload

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.metrics import CATALOG, Metric, tag_text
from queue_telemetry.tasks.claim import Claim, Taken
from queue_telemetry.tasks.context import current_run
from queue_telemetry.tasks.definition import DEFAULT_QUEUE, Definition, Site, static_tags
from queue_telemetry.tasks.enqueue import Enqueue
from queue_telemetry.tasks.handler import Reader, decorate
from queue_telemetry.tasks.headers import Headers
from queue_telemetry.tasks.outcomes import Matcher, Policy
from queue_telemetry.tasks.probes import BrokerProbes, QueueGauge
from queue_telemetry.tasks.run import Run
from queue_telemetry.tasks.tracker import Tracker
from queue_telemetry.tasks.workers import WorkerScope

__all__ = ["Operations", "TaskDecorator"]

F = TypeVar("F", bound=Callable[..., object])

_SIZE: Final = CATALOG["queue.size"]
_OLDEST_TASK_AGE: Final = CATALOG["queue.oldest_task_age"]


class TaskDecorator(Protocol):
    """What `task(...)` returns: decorates a handler and keeps its signature."""

    def __call__(self, function: F, /) -> F:
        """Return *function* with each call of it run as a task."""


class Operations:
    """The operations on a queue."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._broker_probes = BrokerProbes()

    @overload
    def task(self, function: F, /) -> F: ...

    @overload
    def task(
        self,
        type: str | None = None,
        /,
        *,
        queue: str = DEFAULT_QUEUE,
        task_id: Reader = None,
        headers: Reader = None,
        tags: Mapping[str, object] | None = None,
        retry_on: Matcher = (),
        expected: Matcher = (),
        ignore: Matcher = (),
        timeout_on: Matcher = (),
    ) -> TaskDecorator: ...

    def task(
        self,
        type: Callable[..., object] | str | None = None,  # noqa: A002
        /,
        *,
        queue: str = DEFAULT_QUEUE,
        task_id: Reader = None,
        headers: Reader = None,
        tags: Mapping[str, object] | None = None,
        retry_on: Matcher = (),
        expected: Matcher = (),
        ignore: Matcher = (),
        timeout_on: Matcher = (),
    ) -> Callable[..., object]:
        """Decorate a task's handler: a function, coroutine function, generator, async generator or method.

        Its result, exception and traceback pass through untouched.

        Args:
            type: The task's type, a tag; the function's name when left out. Or the handler itself, undecorated.
            queue: The queue it is declared for, a tag.
            task_id: Where its id is: a parameter's name, or a callable on the call's own arguments.
            headers: Where the headers that `enqueue` made are: the same.
            tags: Tags of its own, for its counters and timers; fixed, few.
            retry_on: Exceptions that mean it will be tried again: types, or a predicate `(exception, run) -> bool`.
            expected: Exceptions that are a known failure: counted as failed, but no error to wake anybody for.
            ignore: Exceptions that mean there was nothing to do.
            timeout_on: Exceptions that mean its time was up, beside the known ones of task queues.

        Raises:
            ConfigurationError: *task_id* or *headers* names no parameter of the handler, or what should be exception
                types is something else.
        """
        policy = Policy(retry_on, expected, ignore, timeout_on)

        def decorator(function: F) -> F:
            name = type if isinstance(type, str) else Site.of_function(function).function
            definition = Definition(tag_text(name), tag_text(queue), static_tags(tags), policy)
            return decorate(self._tracker, definition, function, task_id=task_id, headers=headers)

        return decorator if type is None or isinstance(type, str) else decorator(type)

    def enqueue(
        self,
        type: str,  # noqa: A002
        /,
        *,
        queue: str = DEFAULT_QUEUE,
        task_id: object = None,
        headers: Headers | str | None = None,
        not_before: float | datetime | None = None,
    ) -> Enqueue:
        """Wrap handing a task to the broker: `with ... as publish`, then send `publish.headers` along.

        Args:
            type: The task's type.
            queue: The queue it goes to.
            task_id: Its id; else the one in *headers*, else generated.
            headers: Headers to go on from, such as `current().headers` to try again. As a decorator: the name of the
                parameter to fill.
            not_before: When it may start, epoch seconds or a datetime; time before does not count as waiting.
        """
        return Enqueue(
            self._tracker,
            tag_text(type),
            tag_text(queue),
            task_id=task_id,
            headers=headers,
            not_before=not_before,
            site=Site.of_frame(sys._getframe(1)),
        )

    def claim(self, queue: str = DEFAULT_QUEUE, /) -> Claim:
        """Wrap fetching from the broker; `took()` says what came. The handlers called inside join it."""
        return Claim(self._tracker, tag_text(queue), Site.of_frame(sys._getframe(1)))

    def run(
        self,
        type: str | None = None,  # noqa: A002
        /,
        *,
        queue: str = DEFAULT_QUEUE,
        task_id: object = None,
        headers: Headers | None = None,
        claim: Taken | None = None,
        tags: Mapping[str, object] | None = None,
        retry_on: Matcher = (),
        expected: Matcher = (),
        ignore: Matcher = (),
        timeout_on: Matcher = (),
    ) -> Run:
        """Run code as a task that cannot be decorated: `with`, `async with`, or `.start()` and `.finish(exception)`.

        Args:
            type: The task's type; the claim's when left out.
            queue: The queue it came from; the claim's when there is one.
            task_id: Its id; else the headers', else the claim's, else generated.
            headers: The headers that `enqueue` made.
            claim: What `took()` returned, to join it where no context follows.
            tags: As for `task`.
            retry_on: As for `task`.
            expected: As for `task`.
            ignore: As for `task`.
            timeout_on: As for `task`.

        Raises:
            ConfigurationError: What should be exception types is something else.
        """
        name = type if type is not None else claim.type if claim is not None else "run"
        policy = Policy(retry_on, expected, ignore, timeout_on)
        return Run(
            self._tracker,
            Definition(tag_text(name), tag_text(queue), static_tags(tags), policy),
            task_id=task_id,
            headers=headers,
            claim=claim,
            site=Site.of_frame(sys._getframe(1)),
        )

    def worker(self, id: str, /, *, slots: int = 1) -> WorkerScope:  # noqa: A002
        """Wrap a worker's loop: counts it as active with its slots, and names it on the records inside.

        Raises:
            ConfigurationError: *slots* is no whole number, or negative.
        """
        if not isinstance(slots, int) or slots < 0:  # type: ignore[redundant-expr] # not every caller is type-checked
            raise ConfigurationError(f"slots={slots!r} is not a whole number of tasks, 0 or more")
        return WorkerScope(
            self._tracker.workers, self._tracker.gate, self._tracker.clock, tag_text(id), slots
        )

    def current(self) -> Run | None:
        """Return the run that this code belongs to, None outside a task."""
        return current_run()

    def queue_size(self, queue: str = DEFAULT_QUEUE, /) -> QueueGauge:
        """Return the gauge of how many tasks wait in a queue; `.probe(function)`, or `.set(n)` whenever you know."""
        return self._queue_gauge("queue_size", _SIZE, queue)

    def oldest_task_age(self, queue: str = DEFAULT_QUEUE, /) -> QueueGauge:
        """Return the gauge of how long the oldest task of a queue has waited, in seconds; `.probe()` or `.set()`."""
        return self._queue_gauge("oldest_task_age", _OLDEST_TASK_AGE, queue)

    def _queue_gauge(self, kind: str, metric: Metric, queue: str) -> QueueGauge:
        name = tag_text(queue)
        return QueueGauge(
            f"{kind}:{name}", self._tracker.registry.gauge(metric, (name,)), self._broker_probes
        )
