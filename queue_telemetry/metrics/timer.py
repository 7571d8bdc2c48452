"""The timer: durations by `with`, by decorator or by hand; one handle is safe nested and shared."""

import functools
import math
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Literal, Self, TypeVar, cast

from queue_telemetry._runtime import Clock, DropReason, Gate
from queue_telemetry._runtime.callables import Arguments, CallableKind, Watch, kind_of, watched
from queue_telemetry.metrics.batch import Batch, Series
from queue_telemetry.metrics.instruments import MAX_SAMPLES, Marks, plain_number, take

__all__ = ["Timer"]

F = TypeVar("F", bound=Callable[..., object])
_Open = tuple["Timer", float, Any]  # the timer, when its block began, the block around it or None

_open: ContextVar[_Open | None] = ContextVar("queue_telemetry_open_timers", default=None)


class Timer:
    """Durations in seconds.

    `with timer:`, `async with timer:`, `@timer` on any kind of callable, or `timer.observe(seconds)`. The block's and the
    function's own result and exception pass through untouched; a duration counts whichever way it ends.

    Attributes:
        series: What it measures.
        marks: The calls that promise a sample each.
        append: Keeps one duration, without a mark of its own; a task's wrapper appends here directly.
    """

    __slots__ = ("_clock", "_gate", "_kept", "_samples", "append", "marks", "series")

    def __init__(self, series: Series, gate: Gate, clock: Clock, *, marks: Marks | None = None) -> None:
        self.series = series
        self.marks = Marks() if marks is None else marks
        self._gate = gate
        self._clock = clock
        self._samples: deque[float] = deque(maxlen=MAX_SAMPLES)
        self._kept = 0
        self.append = self._samples.append

    def observe(self, seconds: float) -> None:
        """Record one duration in seconds, finite and not negative. Must not block and must not raise."""
        if self._gate.asleep and not self._gate.wake():
            return
        self.marks.mark()
        self.append(seconds)

    def __enter__(self) -> Self:
        _open.set((self, self._clock.monotonic(), _open.get()))
        return self

    def __exit__(self, *_: object) -> Literal[False]:
        timing = _open.get()
        while (
            timing is not None and timing[0] is not self
        ):  # another's block was left open, in a dropped generator say
            timing = timing[2]
        if timing is not None:
            _open.set(timing[2])
            self.observe(self._clock.monotonic() - timing[1])
        return False

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> Literal[False]:
        return self.__exit__()

    def __call__(self, function: F, /) -> F:
        """Time every call of *function*; generators from their first step to their end."""
        if kind_of(function) is not CallableKind.FUNCTION:
            return watched(function, _TimerWatch(self._clock, self.observe))
        gate, wake, clock = self._gate, self._gate.wake, self._clock.monotonic
        mark, append = self.marks.mark, self.append

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            began_s = clock()
            try:
                return function(*args, **kwargs)
            finally:
                if not gate.asleep or wake():
                    mark()
                    append(clock() - began_s)

        return cast("F", functools.wraps(function)(wrapper))

    def drain(self, batch: Batch) -> None:
        """Move the durations kept since the last drain into the batch."""
        samples = self._samples
        if not samples:
            return
        taken, lost = take(samples, self.marks, self._kept)
        self._kept += len(taken) + lost
        durations = _durations(taken)
        batch.drop(len(taken) - len(durations), DropReason.INVALID)
        batch.drop(lost, DropReason.OVERFLOW)
        if durations:
            batch.timings.append((self.series, durations))


def _durations(samples: list[float]) -> list[float]:
    """Return what can be a duration. The usual case, floats that all are, is checked at C speed."""
    if set(map(type, samples)) == {float} and min(samples) >= 0 and math.isfinite(sum(samples)):
        return samples
    numbers = map(plain_number, samples)
    return [float(number) for number in numbers if number is not None and number >= 0]


class _TimerWatch(Watch[float]):
    def __init__(self, clock: Clock, observe: Callable[[float], None]) -> None:
        self._clock = clock
        self._observe = observe

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Arguments, float]:
        return (args, kwargs), self._clock.monotonic()

    def end(self, state: float, error: BaseException | None) -> None:  # noqa: ARG002 - a failure's time counts too
        self._observe(self._clock.monotonic() - state)
