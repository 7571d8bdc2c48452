"""The instruments, which are their own cells: the caller's thread only marks and appends, a collection drains.

Every call on the caller's path is one C call that the interpreter cannot interrupt half-way: `next(count)` and
`deque.append`. No lock, no formatting, no I/O; exact with any number of threads, bounded when nothing drains.
"""

import itertools
import math
from collections import deque
from collections.abc import Callable
from numbers import Integral, Real
from typing import Final, Protocol, TypeVar

from queue_telemetry._runtime import Clock, DropReason, Gate
from queue_telemetry.metrics.batch import Batch, Series

__all__ = ["MAX_SAMPLES", "Cell", "Counter", "Gauge", "Marks", "plain_number", "take"]

MAX_SAMPLES: Final = 65_536  # between two collections, a second apart: 2 MiB a series at the very most
T = TypeVar("T")
_ONE: object = 1  # small ints are one object each, so the common call is known by identity


class Cell(Protocol):
    """What a collection drains."""

    def drain(self, batch: Batch) -> None:
        """Move everything recorded since the last drain into the batch. One drain at a time."""


class Marks:
    """A count that any thread raises with one C call.

    Attributes:
        mark: Adds one. Exact under threads, signals and asynchronous exceptions.
    """

    __slots__ = ("_reads", "mark")

    def __init__(self) -> None:
        self.mark: Callable[[], int] = itertools.count().__next__
        self._reads = 0

    def read(self) -> int:
        """Return how many marks there are; one reader at a time."""
        marks = self.mark() - self._reads  # reading marks too, so reads are taken off again
        self._reads += 1
        return marks


class Counter:
    """A number that only grows. A handle is cheap to keep and safe to share.

    Attributes:
        series: What it counts.
        marks: The calls that add one; a task's wrapper marks here directly.
    """

    __slots__ = ("_amounts", "_drained", "_gate", "_kept", "_others", "marks", "series")

    def __init__(self, series: Series, gate: Gate) -> None:
        self.series = series
        self.marks = Marks()
        self._gate = gate
        self._drained = 0
        self._others = Marks()
        self._amounts: deque[float] = deque(maxlen=MAX_SAMPLES)
        self._kept = 0

    def increment(self, amount: float = 1) -> None:
        """Add *amount*, a finite number that is not negative. Must not block and must not raise."""
        if self._gate.asleep and not self._gate.wake():
            return
        if amount is _ONE:
            self.marks.mark()
        else:
            self._others.mark()
            self._amounts.append(amount)

    def drain(self, batch: Batch) -> None:
        """Move what was counted since the last drain into the batch."""
        weight = self._read_marks()
        total: int | float = weight
        amounts = self._amounts
        if amounts:
            taken, lost = take(amounts, self._others, self._kept)
            self._kept += len(taken) + lost
            numbers = (plain_number(amount) for amount in taken)
            valid = [number for number in numbers if number is not None and number >= 0]
            weight += len(valid)
            total += sum(valid)
            batch.drop(len(taken) - len(valid), DropReason.INVALID)
            batch.drop(lost, DropReason.OVERFLOW)
        if weight:
            batch.counters.append((self.series, total, weight))

    def _read_marks(self) -> int:
        marks = self.marks.read()
        new = marks - self._drained
        self._drained = marks
        return new


class Gauge:
    """A number that is set.

    Attributes:
        series: What it tells.
    """

    __slots__ = (
        "_clock",
        "_drained",
        "_expires_s",
        "_gate",
        "_invalid",
        "_latest",
        "_marks",
        "_told",
        "series",
    )

    def __init__(self, series: Series, gate: Gate, clock: Clock, *, expires_s: float | None = None) -> None:
        self.series = series
        self._gate = gate
        self._clock = clock
        self._expires_s = expires_s
        self._marks = Marks()
        self._invalid = Marks()
        self._drained = [0, 0]
        self._latest: tuple[float, float] | None = None
        self._told = False

    def set(self, value: float) -> None:
        """Say the present value, a finite number. Must not block and must not raise."""
        if self._gate.asleep and not self._gate.wake():
            return
        number = plain_number(value)
        if number is not None:
            self._latest = (number, self._clock.monotonic())
            self._marks.mark()
        else:
            self._invalid.mark()

    def forget(self) -> None:
        """Take the value back, as unknown."""
        self._latest = None

    def drain(self, batch: Batch) -> None:
        """Put the newest value into the batch, with the weight of all the calls since the last drain."""
        marks, invalid = self._marks.read(), self._invalid.read()
        weight = marks - self._drained[0]
        batch.drop(invalid - self._drained[1], DropReason.INVALID)
        self._drained = [marks, invalid]
        latest, expires_s = self._latest, self._expires_s
        if latest is not None and expires_s is not None and self._clock.monotonic() - latest[1] > expires_s:
            latest = None
        if latest is not None or weight or self._told:
            batch.gauges.append((self.series, None if latest is None else latest[0], weight))
        self._told = latest is not None


def take(samples: deque[T], marks: Marks, kept: int) -> tuple[list[T], int]:
    """Take all samples out; return them and how many others a full deque had to let go.

    *kept* is how many were taken or lost before. Only a deque that was full can have lost any: otherwise a mark without
    a sample is a call that is still between its two steps, or that an interrupt cut short.
    """
    length = len(samples)
    taken = [samples.popleft() for _ in range(length)]
    lost = max(0, marks.read() - kept - length) if length == MAX_SAMPLES else 0
    return taken, lost


def plain_number(value: object) -> int | float | None:
    """Return the user's value as an int or a float, None when it is no finite real number; a bool is a mistake."""
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | Real):
            return None
        number = int(value) if isinstance(value, Integral) else float(value)
        return number if math.isfinite(number) else None
    except Exception:  # noqa: BLE001 - the user's class answers here; an int too large for a float ends here too
        return None
