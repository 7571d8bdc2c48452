"""The two clocks of the library, passed in so that a test can turn them by hand."""

import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["SYSTEM_CLOCK", "Clock"]


@dataclass(frozen=True, slots=True)
class Clock:
    """Where durations and timestamps come from.

    Attributes:
        monotonic: Seconds for durations and delays; never jumps, shared by the processes of one host.
        time: Seconds since the epoch, UTC; for timestamps and for what crosses processes.
    """

    monotonic: Callable[[], float] = time.monotonic
    time: Callable[[], float] = time.time


SYSTEM_CLOCK = Clock()
