import logging
import sys
from collections.abc import Callable, Generator

import pytest

from queue_telemetry._runtime import LOGGER, Clock, Gate, log
from queue_telemetry.metrics import Batch, Registry


class ManualClock:
    """Time that a test turns by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.clock = Clock(monotonic=lambda: self.now_s, time=lambda: self.now_s)


def awake() -> Gate:
    gate = Gate(lambda: True)
    gate.asleep = False
    return gate


@pytest.fixture
def gate() -> Gate:
    return awake()


@pytest.fixture
def manual() -> ManualClock:
    return ManualClock()


@pytest.fixture
def registry(gate: Gate, manual: ManualClock) -> Registry:
    return Registry(gate, manual.clock)


@pytest.fixture(scope="session")
def new_registry() -> Callable[[], Registry]:
    """Make a registry that is awake, one for each example of a property."""
    return lambda: Registry(awake(), Clock())


@pytest.fixture(scope="session")
def merged() -> Callable[[list[Batch]], Batch]:
    """Put the batches of several collections into one."""

    def merge(batches: list[Batch]) -> Batch:
        whole = Batch()
        for batch in batches:
            whole.counters += batch.counters
            whole.timings += batch.timings
            whole.gauges += batch.gauges
            for reason, weight in batch.dropped.items():
                whole.drop(weight, reason)
        return whole

    return merge


@pytest.fixture
def fast_switching() -> Generator[None]:
    """Threads take turns at nearly every byte code."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Lines(logging.Handler):
    """Keeps what the library says."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Generator[list[str]]:
    """What the library says during the test, with no cause said before it."""
    monkeypatch.setattr(log, "_last", {})
    lines = Lines()
    LOGGER.addHandler(lines)
    yield lines.texts
    LOGGER.removeHandler(lines)
