"""A pipeline that is stepped by hand, on a clock that only moves when it waits."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import pytest

from queue_telemetry._runtime import SYSTEM_CLOCK, Clock
from queue_telemetry.logs import Endpoint, Limits, LogPipeline, Storage
from queue_telemetry.logs.formats import format_for

_LINGER_S: Final = 0.05


class Stepped:
    """A pipeline without a thread, on a clock that only moves when it waits: hours pass in milliseconds.

    Its time starts at 2023-11-14T22:13:20Z. *at_s* has the moments, in seconds from the start, of all requests.
    """

    START_S: Final = 1_700_000_000.0

    def __init__(
        self, pipeline: Callable[[Clock], LogPipeline], server: Any, line: Callable[..., bytes], now_s: float
    ) -> None:
        self.now_s = now_s
        self.at_s: list[float] = []
        self._server = server
        self._line = line
        self.pipeline = pipeline(Clock(monotonic=lambda: self.now_s, time=lambda: self.START_S + self.now_s))
        self.pipeline.buffer.on_wake = lambda: None  # no thread

    def append(self, numbers: Iterable[int], text: str = "said", *, severe: bool = False) -> None:
        for number in numbers:
            self.pipeline.buffer.append(self._line(number, text), severe)

    def run(self, limit_s: float = 7_200.0) -> dict[str, Any]:
        """Step until nothing is pending or so many seconds passed; return the account."""
        end_s = self.now_s + limit_s
        while self.account()["pending"] and self.now_s < end_s:
            before = len(self._server.requests)
            wait_s = self.pipeline.step()
            self.at_s += [self.now_s] * (len(self._server.requests) - before)
            self.now_s += wait_s
        return self.account()

    def account(self) -> dict[str, Any]:
        """Read the account; it has to be balanced at any moment."""
        stats: dict[str, Any] = self.pipeline.stats()
        dropped = sum(stats["dropped"].values())
        assert stats["accepted"] + stats.get("adopted", 0) == stats["delivered"] + dropped + stats["pending"]
        return stats


@pytest.fixture
def pipeline(unheard: Any) -> Iterator[Callable[..., LogPipeline]]:
    """Make a pipeline to the server; it ends with the test."""
    made: list[LogPipeline] = []

    def make(
        clock: Clock = SYSTEM_CLOCK,
        *,
        wire_format: str = "ndjson",
        batch_bytes: int = 1024 * 1024,
        max_memory_bytes: int = 32 * 1024 * 1024,
        storage: Storage | None = None,
    ) -> LogPipeline:
        chosen = format_for(wire_format, unheard.url)
        made.append(
            LogPipeline(
                Endpoint.parse(unheard.url, None, {}, chosen),
                chosen,
                limits=Limits(batch_bytes, _LINGER_S, max_memory_bytes),
                clock=clock,
                storage=storage,
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.close(0.5)


@pytest.fixture
def step(
    unheard: Any, pipeline: Callable[..., LogPipeline], record_line: Callable[..., bytes]
) -> Callable[..., Stepped]:
    """Make a pipeline to the server that the test steps by hand."""

    def make(now_s: float = 0.0, **options: Any) -> Stepped:
        return Stepped(lambda clock: pipeline(clock, **options), unheard, record_line, now_s)

    return make
