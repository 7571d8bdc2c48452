"""For tests: `capture()` for your own, and real receivers on loopback that take only what is right."""

from queue_telemetry.testing._capture import Captured, capture
from queue_telemetry.testing._collector import Collector
from queue_telemetry.testing._statsd_server import StatsdServer

__all__ = ["Captured", "Collector", "StatsdServer", "capture"]
