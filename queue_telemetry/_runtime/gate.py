"""The gate in front of every instrument: flags that cost one attribute read, set by whoever owns the process."""

from collections.abc import Callable

__all__ = ["Gate"]


class Gate:
    """Tells instruments, without a lock, whether this process is awake.

    Attributes:
        asleep: True until the first event of a process, after a fork, after close and while switched off: the caller
            must then ask `wake()` and record nothing when that says no.
        quiet: True when a task wrapper may take its short way: awake, and nothing asked for lifecycle records.
        watching: True when it may take the way that is as short but for telling the watch of runs that take long.
        wake: Starts what the process needs; returns whether the event is to be recorded. Must not block or raise.
    """

    __slots__ = ("asleep", "quiet", "wake", "watching")

    def __init__(self, wake: Callable[[], bool]) -> None:
        self.asleep = True
        self.quiet = False
        self.watching = False
        self.wake = wake

    def close(self) -> None:
        """Have the next event ask first. Takes no lock."""
        self.asleep, self.quiet, self.watching = True, False, False
