"""The formats of collectors, one a file."""

from queue_telemetry.logs.formats._format import Format
from queue_telemetry.logs.formats.ndjson import NdjsonFormat

__all__ = ["Format", "NdjsonFormat"]
