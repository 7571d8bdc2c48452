"""Is this process well: the verdict, as a value, as JSON, over HTTP and for load balancers.

What serves it is loaded when asked for: a probe command needs the verdict alone, and little time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from queue_telemetry.healthcheck._hysteresis import Settled
from queue_telemetry.healthcheck.evaluate import Finding, ProcessFacts, Thresholds, evaluate, find_reasons
from queue_telemetry.healthcheck.present import Present
from queue_telemetry.healthcheck.report import HealthReport, HealthStatus, Reason, SlotUse

if TYPE_CHECKING:
    from queue_telemetry.healthcheck._alert_memory import AlertMemory
    from queue_telemetry.healthcheck._answer import Exposition, Probes
    from queue_telemetry.healthcheck.agent_check import agent_line
    from queue_telemetry.healthcheck.alerts import Alert, AlertEvent, Alerts
    from queue_telemetry.healthcheck.asgi import ASGIApplication, make_asgi_app
    from queue_telemetry.healthcheck.server import HealthServer, ServerAddress
    from queue_telemetry.healthcheck.wsgi import make_wsgi_app

__all__ = [
    "ASGIApplication",
    "Alert",
    "AlertEvent",
    "AlertMemory",
    "Alerts",
    "Exposition",
    "Finding",
    "HealthReport",
    "HealthServer",
    "HealthStatus",
    "Present",
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

_SERVING: Final = {
    "ASGIApplication": "asgi",
    "Alert": "alerts",
    "AlertEvent": "alerts",
    "AlertMemory": "_alert_memory",
    "Alerts": "alerts",
    "Exposition": "_answer",
    "HealthServer": "server",
    "Probes": "_answer",
    "ServerAddress": "server",
    "agent_line": "agent_check",
    "make_asgi_app": "asgi",
    "make_wsgi_app": "wsgi",
}


def __getattr__(name: str) -> object:
    """Load what serves the verdict (PEP 562)."""
    if name not in _SERVING:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_SERVING[name]}"), name)
    globals()[name] = value
    return value
