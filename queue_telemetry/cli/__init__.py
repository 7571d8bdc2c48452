"""The command line."""

from queue_telemetry.cli._main import main

__all__ = ["main"]
