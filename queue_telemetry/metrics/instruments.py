"""The instruments, which are their own cells: the caller's thread only marks and appends, a collection drains.

Every call on the caller's path is one C call that the interpreter cannot interrupt half-way: `next(marks)` and
`deque.append`. No lock, no formatting, no I/O; exact with any number of threads, bounded when nothing drains.
"""

import itertools
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from numbers import Integral, Real
from operator import length_hint
from typing import Final, Protocol, TypeVar

from queue_telemetry._runtime import Clock, DropReason, Gate
from queue_telemetry.metrics.batch import Batch, Series

__all__ = ["MAX_SAMPLES", "Cell", "Counter", "Gauge", "Marks", "Promises", "plain_number", "take"]

MAX_SAMPLES: Final = 65_536  # between two collections, a second apart: 2 MiB a series at the very most
_LARGEST: Final = 1e100  # so far under what a double holds that no sum of a process's life leaves it
T = TypeVar("T")
_NUMBERS: Final = (int, float, Real, Decimal)
_WITHOUT_END: Final = itertools.repeat(())
_ALL: Final = sys.maxsize
_ONE: object = 1  # small ints are one object each, so the common call is known by identity


class Cell(Protocol):
    """What a collection drains."""

    def drain(self, batch: Batch) -> None:
        """Move everything recorded since the last drain into the batch. One drain at a time."""


class Promises(Protocol):
    """How many samples were promised so far: `Marks`, or several of them."""

    def read(self) -> int:
        """Return the number."""


class Marks:
    """A count that any thread raises with one C call, and any thread reads with another.

    Attributes:
        left: The marks that are left, more than there ever will be: `next(left)` adds one and makes no object. Exact
            under threads, signals and asynchronous exceptions.
        mark: The same as a callable, at three times the price.
    """

    __slots__ = ("_taken", "left", "mark")

    def __init__(self) -> None:
        self.left = itertools.repeat(None, _ALL)
        self.mark: Callable[[], None] = self.left.__next__
        self._taken = 0

    def read(self) -> int:
        """Return how many marks there are."""
        return _ALL - length_hint(self.left)

    def has_new(self) -> bool:
        """Tell whether there are marks since the last `take_new`."""
        return self.read() != self._taken

    def take_new(self) -> int:
        """Return how many marks there are since the last time; one taker at a time."""
        marks = _ALL - length_hint(self.left)
        new = marks - self._taken
        self._taken = marks
        return new


class Counter:
    """A number that only grows. A handle is cheap to keep and safe to share.

    Attributes:
        series: What it counts.
        marks: The calls that add one; a task's wrapper marks here directly.
    """

    __slots__ = ("_amounts", "_gate", "_invalid", "_kept", "_others", "marks", "series")

    def __init__(self, series: Series, gate: Gate, invalid: Marks) -> None:
        self.series = series
        self.marks = Marks()
        self._gate = gate
        self._invalid = invalid
        self._others = Marks()
        self._amounts: deque[int | float] = deque(maxlen=MAX_SAMPLES)
        self._kept = 0

    def increment(self, amount: float = 1) -> None:
        """Add *amount*, a number in [0, 1e100]. Must not block and must not raise."""
        if self._gate.asleep and not self._gate.wake():
            return
        if amount is _ONE:
            next(self.marks.left)
            return
        number = plain_number(amount)
        if number is not None and number >= 0:
            next(self._others.left)
            self._amounts.append(number)
        else:
            self._invalid.mark()

    def drain(self, batch: Batch) -> None:
        """Move what was counted since the last drain into the batch."""
        ones = self.marks.take_new()
        if ones:
            batch.counters.append((self.series, ones, ones))
        if self._amounts:
            amounts, lost = take(self._amounts, self._others, self._kept)
            self._kept += len(amounts) + lost
            if amounts:
                batch.counters.append((self.series, sum(amounts), len(amounts)))
            batch.drop(lost, DropReason.OVERFLOW)


class Gauge:
    """A number that is set.

    Attributes:
        series: What it tells.
    """

    __slots__ = ("_clock", "_expires_s", "_gate", "_invalid", "_latest", "_marks", "_told", "series")

    def __init__(
        self, series: Series, gate: Gate, clock: Clock, invalid: Marks, *, expires_s: float | None = None
    ) -> None:
        self.series = series
        self._gate = gate
        self._clock = clock
        self._expires_s = expires_s
        self._marks = Marks()
        self._invalid = invalid
        self._latest: tuple[float, float] | None = None
        self._told = False

    def set(self, value: float) -> None:
        """Say the present value, a number in [-1e100, 1e100]. Must not block and must not raise."""
        if self._gate.asleep and not self._gate.wake():
            return
        number = plain_number(value)
        if number is not None:
            self._latest = (number, self._clock.monotonic())
            self._marks.mark()
        else:
            self._invalid.mark()

    def was_set(self) -> bool:
        """Tell whether it was set since the last drain."""
        return self._marks.has_new()

    def forget(self) -> None:
        """Say that the value is unknown, also where it never was known."""
        self._latest = None
        self._told = True

    def drain(self, batch: Batch) -> None:
        """Put the newest value into the batch, with the weight of all the calls since the last drain."""
        weight = self._marks.take_new()
        latest, expires_s = self._latest, self._expires_s
        if latest is not None and expires_s is not None and self._clock.monotonic() - latest[1] > expires_s:
            latest = None
        if latest is not None or weight or self._told:
            batch.gauges.append((self.series, None if latest is None else latest[0], weight))
        self._told = latest is not None


def take(samples: deque[T], promises: Promises, kept: int) -> tuple[list[T], int]:
    """Take all samples out; return them and how many others a full deque had to let go.

    *kept* is how many were taken or lost before. Only a deque that is full can have lost any: otherwise a promise without
    a sample is a call that is still between its two steps, or that an interrupt cut short. When it is full these cannot
    be told apart, so such a call counts as lost, and its sample, when it still comes, is left out of what is returned.
    """
    taken: list[T] = []
    with suppress(IndexError):  # it is empty; in one C call, so that nothing is appended meanwhile
        taken.extend(itertools.starmap(samples.popleft, _WITHOUT_END))
    missing = promises.read() - kept - len(taken)
    if missing < 0:
        del taken[:-missing]
    return taken, missing if missing > 0 and len(taken) == MAX_SAMPLES else 0


def plain_number(value: object) -> int | float | None:
    """Return the user's value as an int or a float, None when it is no real number or too large; a bool is a mistake."""
    number = value if type(value) is int or type(value) is float else _converted(value)
    return number if number is not None and -_LARGEST <= number <= _LARGEST else None


def _converted(value: object) -> int | float | None:
    try:
        if isinstance(value, bool) or not isinstance(value, _NUMBERS):
            return None
        return int(value) if isinstance(value, Integral) else float(value)
    except Exception:  # noqa: BLE001 - the user's class answers here
        return None
