"""Is this process well: the verdict, as a value, as JSON and over HTTP."""

from queue_telemetry.healthcheck.evaluate import ProcessFacts, Thresholds, evaluate
from queue_telemetry.healthcheck.report import HealthReport, HealthStatus, Reason, SlotUse
from queue_telemetry.healthcheck.wsgi import make_wsgi_app

__all__ = [
    "HealthReport",
    "HealthStatus",
    "ProcessFacts",
    "Reason",
    "SlotUse",
    "Thresholds",
    "evaluate",
    "make_wsgi_app",
]
