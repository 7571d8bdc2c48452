"""The statsd package's timer, with tags and without exceptions for misuse."""

from collections.abc import Mapping
from typing import Protocol, Self

from statsd.client.timer import Timer
from typing_extensions import override

__all__ = ["TaggedTimer", "Timings"]


class Timings(Protocol):
    """What takes a timer's result."""

    def timing(
        self, stat: str, delta: float, rate: float = 1, *, tags: Mapping[str, str] | None = None
    ) -> None:
        """Send a duration in milliseconds."""

    def refuse(self, what: str) -> None:
        """Count a call that cannot be sent."""


class _WithTags:
    """Adds the timer's tags to what the package's own timer sends."""

    def __init__(self, client: Timings, tags: Mapping[str, str] | None) -> None:
        self._client = client
        self._tags = tags

    def timing(self, stat: str, delta: float, rate: float = 1) -> None:
        self._client.timing(stat, delta, rate, tags=self._tags)


class TaggedTimer(Timer):
    """Times a block, a function or a coroutine function, as the package's `Timer` does.

    As a decorator one timer serves any number of calls at once; as a context manager one block at a time. A stop
    without a start, and a second send, are refused and counted where the package raises.
    """

    def __init__(self, client: Timings, stat: str, rate: float, tags: Mapping[str, str] | None) -> None:
        super().__init__(_WithTags(client, tags), stat, rate)
        self._refuse = client.refuse

    @override
    def stop(self, send: bool = True) -> Self:
        if self._start_time is None:
            self._refuse("timer stopped before its start")
            return self
        return super().stop(send)

    @override
    def send(self) -> None:
        if self.ms is None or self._sent:
            self._refuse("timer with nothing to send")
            return
        super().send()
