"""The decorator: wraps a task's handler, whatever kind of callable it is."""

import functools
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from queue_telemetry._runtime import say
from queue_telemetry._runtime.callables import Arguments, CallableKind, Watch, kind_of, watched
from queue_telemetry.tasks.awaitables import end_when_awaited, is_awaitable
from queue_telemetry.tasks.context import Frame
from queue_telemetry.tasks.definition import Definition, Parameter, Site, find_parameter
from queue_telemetry.tasks.outcomes import error_type
from queue_telemetry.tasks.run import Run
from queue_telemetry.tasks.series import TaskSeries
from queue_telemetry.tasks.short_way import short_coroutine, short_function
from queue_telemetry.tasks.tracked_way import tracked_coroutine, tracked_function
from queue_telemetry.tasks.tracker import Tracker
from queue_telemetry.tasks.watched_way import watched_coroutine, watched_function

__all__ = ["Handler", "Reader", "decorate"]

F = TypeVar("F", bound=Callable[..., object])
Reader = str | Callable[..., object] | None
"""Where a call's task id or headers are: a parameter's name, or a callable on the call's own arguments."""


class Handler(Watch[Run]):
    """One decorated handler: how each call of it becomes a run.

    Attributes:
        tracker: The tasks of the telemetry it belongs to.
        series: The series of its declared queue, for the short way.
        task_id: The parameter that holds the task's id, or a callable, or None.
        headers: The same for the headers.
        plain_types: Types of results that are nothing to await; grows, within a bound.
    """

    def __init__(
        self,
        tracker: Tracker,
        definition: Definition,
        site: Site,
        task_id: Parameter | Reader,
        headers: Parameter | Reader,
    ) -> None:
        self.tracker = tracker
        self.series: TaskSeries = tracker.series(definition.type, definition.queue, definition.static_tags)
        self.task_id = task_id
        self.headers = headers
        self.plain_types: set[type] = {type(None), bool, int, float, str, bytes, list, dict, tuple}
        self._definition = definition
        self._site = site

    def run_of_frame(self, frame: Frame) -> Run:
        """Return the run of a call that took the short way."""
        return Run.of_frame(self.tracker, self._definition, frame, self.series, self._site)

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Arguments, Run]:
        """Make the run of one call."""
        headers: Any = _read(self.headers, args, kwargs)
        task_id = _read(self.task_id, args, kwargs)
        return (args, kwargs), Run(
            self.tracker, self._definition, task_id=task_id, headers=headers, site=self._site
        )

    def resume(self, state: Run) -> None:
        """The handler's code is about to run."""
        state._resume()

    def suspend(self, state: Run) -> None:
        """The handler's code has stopped running."""
        state._suspend()

    def end(self, state: Run, error: BaseException | None) -> None:
        """The call is over."""
        state._end(error)

    def returned(self, state: Run, result: Any) -> Any:
        """A plain function returned; if that is something to await, the run ends when it is awaited."""
        if is_awaitable(result):
            state._lost_when_dropped = True
            return end_when_awaited(self, state, result)
        state._end(None)
        return result


def decorate(
    tracker: Tracker, definition: Definition, function: F, *, task_id: Reader = None, headers: Reader = None
) -> F:
    """Return *function* with each call of it run as a task.

    Raises:
        ConfigurationError: *task_id* or *headers* names no parameter of it.
    """
    if isinstance(function, staticmethod | classmethod):
        inner = decorate(tracker, definition, function.__func__, task_id=task_id, headers=headers)
        return cast("F", type(function)(inner))
    handler = Handler(
        tracker,
        definition,
        Site.of_function(function),
        find_parameter(function, task_id, "task_id") if isinstance(task_id, str) else task_id,
        find_parameter(function, headers, "headers") if isinstance(headers, str) else headers,
    )
    general = watched(function, handler)
    tracked = task_id is not None or headers is not None
    short = _SHORT_WAYS.get((kind_of(function), tracked))
    if short is None or callable(task_id) or callable(headers):
        return general
    watching = watched_coroutine if kind_of(function) is CallableKind.COROUTINE else watched_function
    return cast(
        "F", functools.wraps(function)(short(handler, function, watching(handler, function, general)))
    )


_SHORT_WAYS: Final[dict[tuple[CallableKind, bool], Callable[[Any, Any, Any], Callable[..., Any]]]] = {
    (CallableKind.FUNCTION, False): short_function,
    (CallableKind.FUNCTION, True): tracked_function,
    (CallableKind.COROUTINE, False): short_coroutine,
    (CallableKind.COROUTINE, True): tracked_coroutine,
}


def _read(reader: Parameter | Reader, args: tuple[Any, ...], kwargs: dict[str, Any]) -> object:
    if isinstance(reader, Parameter):
        return reader.read(args, kwargs)
    if reader is None or isinstance(reader, str):
        return None
    try:
        return reader(*args, **kwargs)
    except Exception as fault:  # noqa: BLE001 - the user's callable
        say("reader", "a task_id or headers callable failed with %s", error_type(fault))
        return None
