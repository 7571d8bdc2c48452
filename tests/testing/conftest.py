"""Receivers on real sockets."""

from collections.abc import Iterator

import pytest

from queue_telemetry.testing._collector import Collector
from queue_telemetry.testing._statsd_server import StatsdServer


@pytest.fixture
def server() -> Iterator[StatsdServer]:
    with StatsdServer() as server:
        yield server


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector
