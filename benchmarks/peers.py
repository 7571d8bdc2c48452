"""The peers' side of one task: started, in flight up and down, its duration, completed; as their documents show it."""

import time
from collections.abc import Callable
from typing import Any, Final

import prometheus_client
from datadog.dogstatsd.base import DogStatsd
from statsd import StatsClient

__all__ = [
    "Task",
    "aggregating_client",
    "datadog_task",
    "prometheus_task",
    "statsd_pipeline_task",
    "statsd_task",
]

Function = Callable[..., Any]
Task = tuple[Function, Callable[[], object]]
"""A task that is instrumented, and what sends what is left after a round of them."""

_TAGS: Final = ["queue:default", "type:nop"]
_LABELS: Final = ("queue", "type")
_VALUES: Final = ("default", "nop")


def prometheus_task(function: Function) -> Task:
    """Return a task measured by prometheus_client with its labels bound beforehand, and a scrape."""
    registry = prometheus_client.CollectorRegistry()
    started = prometheus_client.Counter("started", "-", _LABELS, registry=registry).labels(*_VALUES)
    in_flight = prometheus_client.Gauge("in_flight", "-", _LABELS, registry=registry).labels(*_VALUES)
    duration = prometheus_client.Histogram("duration", "-", _LABELS, registry=registry).labels(*_VALUES)
    completed = prometheus_client.Counter("completed", "-", _LABELS, registry=registry).labels(*_VALUES)
    failed = prometheus_client.Counter("failed", "-", _LABELS, registry=registry).labels(*_VALUES)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        started.inc()
        in_flight.inc()
        began_s = time.monotonic()
        try:
            result = function(*args, **kwargs)
        except BaseException:
            failed.inc()
            raise
        else:
            completed.inc()
            return result
        finally:
            duration.observe(time.monotonic() - began_s)
            in_flight.dec()

    return wrapper, lambda: prometheus_client.generate_latest(registry)


def aggregating_client(port: int) -> DogStatsd:
    """Return a client of datadogpy that aggregates and buffers."""
    return DogStatsd(host="127.0.0.1", port=port, disable_aggregation=False, disable_buffering=False)


def datadog_task(client: DogStatsd, function: Function) -> Task:
    """Return a task measured by datadogpy."""
    running = 0

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        nonlocal running
        running += 1
        client.increment("tasks.started", tags=_TAGS)
        client.gauge("tasks.in_flight", running, tags=_TAGS)
        began_s = time.monotonic()
        try:
            result = function(*args, **kwargs)
        except BaseException:
            client.increment("tasks.failed", tags=_TAGS)
            raise
        else:
            client.increment("tasks.completed", tags=_TAGS)
            return result
        finally:
            running -= 1
            client.distribution("task.duration", time.monotonic() - began_s, tags=_TAGS)
            client.gauge("tasks.in_flight", running, tags=_TAGS)

    def finish() -> None:
        client.flush_aggregated_metrics()
        client.flush()

    return wrapper, finish


def statsd_task(port: int, function: Function) -> Task:
    """Return a task measured by the statsd package as it comes: one datagram a call."""
    return _statsd_wrapper(StatsClient("127.0.0.1", port), function), lambda: None


def statsd_pipeline_task(port: int, function: Function) -> Task:
    """Return a task measured by one pipeline of the statsd package that is kept, with datagrams as large as ours."""
    pipeline = StatsClient("127.0.0.1", port, maxudpsize=1432).pipeline()
    return _statsd_wrapper(pipeline, function), pipeline.send


def _statsd_wrapper(client: Any, function: Function) -> Function:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        client.incr("tasks.started.default.nop")
        client.gauge("tasks.in_flight.default.nop", 1, delta=True)
        began_s = time.monotonic()
        try:
            result = function(*args, **kwargs)
        except BaseException:
            client.incr("tasks.failed.default.nop")
            raise
        else:
            client.incr("tasks.completed.default.nop")
            return result
        finally:
            client.timing("task.duration.default.nop", (time.monotonic() - began_s) * 1000)
            client.gauge("tasks.in_flight.default.nop", -1, delta=True)

    return wrapper
