"""The root logger at DEBUG, and a telemetry that brings its records to loguru."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from queue_telemetry.telemetry import Telemetry
from queue_telemetry.telemetry._stdlib import StdlibBridge
from queue_telemetry.testing import Collector

MakeTelemetry = Callable[..., Telemetry]


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    """The root logger at DEBUG; as it was before at the end."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    root.setLevel(logging.DEBUG)
    yield root
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture
def capturing(make_telemetry: MakeTelemetry) -> Telemetry:
    telemetry = make_telemetry(
        capture_logs=True, task_logs="none", log_capture_stdlib=True, log_level="DEBUG"
    )
    telemetry.health()
    return telemetry


@pytest.fixture
def shipped(collector: Collector) -> Callable[[Telemetry], list[dict[str, Any]]]:
    """What the collector has of a telemetry."""

    def flush_and_read(telemetry: Telemetry) -> list[dict[str, Any]]:
        assert telemetry.flush(5.0)
        return collector.records

    return flush_and_read


@pytest.fixture
def messages(shipped: Callable[[Telemetry], list[dict[str, Any]]]) -> Callable[[Telemetry], list[object]]:
    return lambda telemetry: [record["message"] for record in shipped(telemetry)]


@pytest.fixture
def bridges() -> Callable[[], int]:
    """How many of our handlers the root logger has."""
    return lambda: sum(isinstance(handler, StdlibBridge) for handler in logging.getLogger().handlers)


@pytest.fixture
def leave_only_bridges(root: logging.Logger) -> Callable[[], None]:
    """Take the handlers of pytest away, for the rest of the test."""

    def leave() -> None:
        root.handlers[:] = [handler for handler in root.handlers if isinstance(handler, StdlibBridge)]

    return leave
