"""The errors that construction and configuration raise; nothing else in the library raises its own.

TelemetryError
  x ConfigurationError (also a ValueError)
"""

__all__ = ["ConfigurationError", "TelemetryError"]


class TelemetryError(Exception):
    """Any error that this library raises of its own accord."""


class ConfigurationError(TelemetryError, ValueError):
    """A setting is wrong; the message names the setting, its value (never a secret's) and what would be right."""
