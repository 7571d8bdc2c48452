"""Logs: loguru's records as JSON lines to an HTTP collector, in bounded memory, without holding up the caller."""

from queue_telemetry.logs._record import RecordBuilder, free_key
from queue_telemetry.logs._redaction import Redactor
from queue_telemetry.logs.buffer import RecordBuffer
from queue_telemetry.logs.pipeline import LogPipeline
from queue_telemetry.logs.shipper import Shipper
from queue_telemetry.logs.sink import LogSink

__all__ = ["LogPipeline", "LogSink", "RecordBuffer", "RecordBuilder", "Redactor", "Shipper", "free_key"]
