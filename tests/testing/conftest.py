"""Receivers on real sockets, and a check that none of their threads outlives its test."""

import threading
from collections.abc import Iterator

import pytest

from queue_telemetry.testing._collector import Collector
from queue_telemetry.testing._statsd_server import StatsdServer


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def server() -> Iterator[StatsdServer]:
    with StatsdServer() as server:
        yield server


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector
