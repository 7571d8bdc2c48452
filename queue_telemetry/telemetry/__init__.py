"""The composition root: the only reader of settings, which hands each part what it needs."""

from queue_telemetry.telemetry._destination import Destination
from queue_telemetry.telemetry._redirect import redirected
from queue_telemetry.telemetry._telemetry import Telemetry

__all__ = ["Destination", "Telemetry", "redirected"]
