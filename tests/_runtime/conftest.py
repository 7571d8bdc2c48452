import logging
import sys
from collections.abc import Callable, Generator

import pytest

from queue_telemetry._runtime import LOGGER, log


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


@pytest.fixture
def with_handler() -> Generator[Callable[[logging.Handler], None]]:
    """Add handlers to the library's logger until the end of the test."""
    added: list[logging.Handler] = []

    def add(handler: logging.Handler) -> None:
        LOGGER.addHandler(handler)
        added.append(handler)

    yield add
    for handler in added:
        LOGGER.removeHandler(handler)
