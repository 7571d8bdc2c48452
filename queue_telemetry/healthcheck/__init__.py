"""Is this process well: the verdict, as a value, as JSON, over HTTP and for load balancers."""

from queue_telemetry.healthcheck._answer import Exposition, Probes
from queue_telemetry.healthcheck._hysteresis import Settled
from queue_telemetry.healthcheck.agent_check import agent_line
from queue_telemetry.healthcheck.alerts import Alert, AlertEvent, Alerts
from queue_telemetry.healthcheck.asgi import ASGIApplication, make_asgi_app
from queue_telemetry.healthcheck.evaluate import Finding, ProcessFacts, Thresholds, evaluate, find_reasons
from queue_telemetry.healthcheck.report import HealthReport, HealthStatus, Reason, SlotUse
from queue_telemetry.healthcheck.server import HealthServer, ServerAddress
from queue_telemetry.healthcheck.wsgi import make_wsgi_app

__all__ = [
    "ASGIApplication",
    "Alert",
    "AlertEvent",
    "Alerts",
    "Exposition",
    "Finding",
    "HealthReport",
    "HealthServer",
    "HealthStatus",
    "Probes",
    "ProcessFacts",
    "Reason",
    "ServerAddress",
    "Settled",
    "SlotUse",
    "Thresholds",
    "agent_line",
    "evaluate",
    "find_reasons",
    "make_asgi_app",
    "make_wsgi_app",
]
