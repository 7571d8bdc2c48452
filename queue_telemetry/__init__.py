"""Telemetry for task queues: StatsD metrics, JSON logs to an HTTP collector, health from in-process counters.

Importing this package is light and does nothing. Its first attribute loads the whole library, at decoration and so
before any fork: a fork during a thread's import would leave the child waiting for that import for ever.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from queue_telemetry.api import (
        Alert,
        Claim,
        ConfigurationError,
        Counter,
        Enqueue,
        Gauge,
        HealthReport,
        HealthStatus,
        Outcome,
        QueueGauge,
        Reason,
        Run,
        Settings,
        Taken,
        TaskDecorator,
        Telemetry,
        TelemetryError,
        Timer,
        WorkerScope,
        add_task_context,
        asgi_app,
        claim,
        close,
        configure,
        counter,
        current,
        drain,
        enqueue,
        flush,
        gauge,
        health,
        live,
        oldest_task_age,
        on_alert,
        queue_size,
        ready,
        run,
        task,
        timer,
        worker,
        wsgi_app,
    )

__all__ = [
    "Alert",
    "Claim",
    "ConfigurationError",
    "Counter",
    "Enqueue",
    "Gauge",
    "HealthReport",
    "HealthStatus",
    "Outcome",
    "QueueGauge",
    "Reason",
    "Run",
    "Settings",
    "Taken",
    "TaskDecorator",
    "Telemetry",
    "TelemetryError",
    "Timer",
    "WorkerScope",
    "add_task_context",
    "asgi_app",
    "claim",
    "close",
    "configure",
    "counter",
    "current",
    "drain",
    "enqueue",
    "flush",
    "gauge",
    "health",
    "live",
    "oldest_task_age",
    "on_alert",
    "queue_size",
    "ready",
    "run",
    "task",
    "timer",
    "worker",
    "wsgi_app",
]


def __getattr__(name: str) -> object:
    """Load the library at the first attribute that is asked for (PEP 562)."""
    if name == "__version__":
        return import_module("importlib.metadata").version("queue-telemetry")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module("queue_telemetry.api"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
