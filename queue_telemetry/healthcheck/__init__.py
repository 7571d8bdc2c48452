"""Is this process well: the verdict, as a value, as JSON and over HTTP."""

from queue_telemetry.healthcheck._hysteresis import Settled
from queue_telemetry.healthcheck.alerts import Alert, AlertEvent, Alerts
from queue_telemetry.healthcheck.evaluate import Finding, ProcessFacts, Thresholds, evaluate, find_reasons
from queue_telemetry.healthcheck.report import HealthReport, HealthStatus, Reason, SlotUse
from queue_telemetry.healthcheck.wsgi import make_wsgi_app

__all__ = [
    "Alert",
    "AlertEvent",
    "Alerts",
    "Finding",
    "HealthReport",
    "HealthStatus",
    "ProcessFacts",
    "Reason",
    "Settled",
    "SlotUse",
    "Thresholds",
    "evaluate",
    "find_reasons",
    "make_wsgi_app",
]
