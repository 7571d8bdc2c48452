"""The timer: durations by `with`, by decorator or by hand; one handle is safe nested and shared."""

import functools
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, Literal, Self, TypeVar, cast

from queue_telemetry._runtime import Clock, DropReason, Gate
from queue_telemetry._runtime.callables import Arguments, CallableKind, Watch, kind_of, watched
from queue_telemetry.metrics.batch import Batch, Series
from queue_telemetry.metrics.instruments import MAX_SAMPLES, Marks, plain_number, take

__all__ = ["Timer"]

F = TypeVar("F", bound=Callable[..., object])
_Open = tuple["Timer", float]  # the timer, and when its block began in monotonic seconds
_MAX_OPEN: Final = 1_000  # blocks of generators that are dropped or end in another context stay open for ever

_open: ContextVar[tuple[_Open, ...]] = ContextVar("queue_telemetry_open_timers", default=())


class Timer:
    """Durations in seconds.

    `with timer:`, `async with timer:`, `@timer` on any kind of callable, or `timer.observe(seconds)`. The block's and the
    function's own result and exception pass through untouched; a duration counts whichever way it ends.

    Attributes:
        series: What it measures.
        marks: The calls that promise a sample each.
        append: Keeps one duration, without a mark of its own; a task's wrapper appends here directly.
    """

    __slots__ = ("_clock", "_gate", "_invalid", "_kept", "_promises", "_samples", "append", "marks", "series")

    def __init__(self, series: Series, gate: Gate, clock: Clock, invalid: Marks) -> None:
        self.series = series
        self.marks = Marks()
        self._gate = gate
        self._clock = clock
        self._invalid = invalid
        self._promises = _AllMarks(self.marks)
        self._samples: deque[float] = deque(maxlen=MAX_SAMPLES)
        self._kept = 0
        self.append = self._samples.append

    def observe(self, seconds: float) -> None:
        """Record one duration in seconds, in [0, 1e100]. Must not block and must not raise."""
        if self._gate.asleep and not self._gate.wake():
            return
        number = plain_number(seconds)
        if number is not None and number >= 0:
            next(self.marks.left)
            self.append(float(number))
        else:
            self._invalid.mark()

    def promise(self, marks: Marks) -> None:
        """Have each of *marks* promise a sample too; once, however often it is said."""
        self._promises.add(marks)

    def __enter__(self) -> Self:
        _open.set((*_open.get()[1 - _MAX_OPEN :], (self, self._clock.monotonic())))
        return self

    def __exit__(self, *_: object) -> Literal[False]:
        blocks = _open.get()
        at = len(blocks) - 1
        while at >= 0 and blocks[at][0] is not self:  # others' blocks may end in any order, in generators say
            at -= 1
        if at >= 0:
            _open.set(blocks[:at] + blocks[at + 1 :])
            self._keep(blocks[at][1])
            return False
        if not self._gate.asleep or self._gate.wake():
            self._invalid.mark()  # the block began in another context: nobody knows when
        return False

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> Literal[False]:
        return self.__exit__()

    def __call__(self, function: F, /) -> F:
        """Time every call of *function*; generators from their first step to their end."""
        if isinstance(function, staticmethod | classmethod):
            return cast("F", type(function)(self(function.__func__)))
        match kind_of(function):
            case CallableKind.FUNCTION:
                return cast("F", functools.wraps(function)(self._timed_function(function)))
            case CallableKind.COROUTINE:
                return cast("F", functools.wraps(function)(self._timed_coroutine(function)))
        return watched(function, _TimerWatch(self._clock, self._keep))

    def drain(self, batch: Batch) -> None:
        """Move the durations kept since the last drain into the batch."""
        if not self._samples:
            return
        durations, lost = take(self._samples, self._promises, self._kept)
        self._kept += len(durations) + lost
        batch.drop(lost, DropReason.OVERFLOW)
        if durations:
            batch.timings.append((self.series, durations))

    def _timed_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        gate, wake, clock = self._gate, self._gate.wake, self._clock.monotonic
        marks, append = self.marks.left, self.append

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            began_s = clock()
            try:
                return function(*args, **kwargs)
            finally:
                if not gate.asleep or wake():
                    next(marks)
                    append(clock() - began_s)

        return wrapper

    def _timed_coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        gate, wake, clock = self._gate, self._gate.wake, self._clock.monotonic
        marks, append = self.marks.left, self.append

        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            began_s = clock()
            try:
                return await function(*args, **kwargs)
            finally:
                if not gate.asleep or wake():
                    next(marks)
                    append(clock() - began_s)

        return wrapper

    def _keep(self, began_s: float) -> None:
        if not self._gate.asleep or self._gate.wake():
            next(self.marks.left)
            self.append(self._clock.monotonic() - began_s)


class _AllMarks:
    """Several marks read as one: series that fold into one timer promise to it together."""

    __slots__ = ("_marks",)

    def __init__(self, first: Marks) -> None:
        self._marks = {first: None}

    def add(self, marks: Marks) -> None:
        self._marks.setdefault(marks)

    def read(self) -> int:
        return sum(marks.read() for marks in list(self._marks))


class _TimerWatch(Watch[float]):
    def __init__(self, clock: Clock, keep: Callable[[float], None]) -> None:
        self._clock = clock
        self._keep = keep

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Arguments, float]:
        return (args, kwargs), self._clock.monotonic()

    def end(self, state: float, error: BaseException | None) -> None:  # noqa: ARG002 - a failure's time counts too
        self._keep(state)
