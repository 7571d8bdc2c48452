"""What users set: the fields, where their values come from, and what is said when one is wrong."""

from queue_telemetry.settings._loaders import load, load_leniently
from queue_telemetry.settings._model import Settings

__all__ = ["Settings", "load", "load_leniently"]
