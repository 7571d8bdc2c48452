"""The module functions: the surface of one default `Telemetry`, which reads the environment at its first event."""

from typing import TYPE_CHECKING, Final
from wsgiref.types import WSGIApplication

from queue_telemetry.exceptions import ConfigurationError, TelemetryError
from queue_telemetry.healthcheck import Alert, ASGIApplication, HealthReport, HealthStatus
from queue_telemetry.metrics import Counter, Gauge, Timer
from queue_telemetry.settings import Settings
from queue_telemetry.tasks import (
    Claim,
    Enqueue,
    Outcome,
    QueueGauge,
    Reason,
    Run,
    Taken,
    TaskDecorator,
    WorkerScope,
    add_task_context,
)
from queue_telemetry.telemetry import Telemetry

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
    "default_telemetry",
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

default_telemetry: Final = Telemetry.lazy()
"""The instance that the module functions act on."""

task = default_telemetry.task
enqueue = default_telemetry.enqueue
claim = default_telemetry.claim
run = default_telemetry.run
worker = default_telemetry.worker
current = default_telemetry.current
counter = default_telemetry.counter
gauge = default_telemetry.gauge
timer = default_telemetry.timer
queue_size = default_telemetry.queue_size
oldest_task_age = default_telemetry.oldest_task_age
health = default_telemetry.health
live = default_telemetry.live
ready = default_telemetry.ready
drain = default_telemetry.drain
on_alert = default_telemetry.on_alert
configure = default_telemetry.configure
flush = default_telemetry.flush
close = default_telemetry.close

if TYPE_CHECKING:
    asgi_app: ASGIApplication
    wsgi_app: WSGIApplication


def __getattr__(name: str) -> object:
    """Return an application when it is asked for, and not before: it may load an optional dependency (PEP 562)."""
    if name not in {"asgi_app", "wsgi_app"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(default_telemetry, name)
