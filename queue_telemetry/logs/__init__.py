"""Logs: loguru's records as JSON lines to an HTTP collector, in bounded memory, without holding up the caller."""

from queue_telemetry.logs._endpoint import Endpoint
from queue_telemetry.logs._losses import Losses
from queue_telemetry.logs._record import RecordBuilder, free_key
from queue_telemetry.logs._redaction import Redactor
from queue_telemetry.logs._storage import Durability, Limits, LossRecord, Storage
from queue_telemetry.logs._time_limit import pass_on
from queue_telemetry.logs._tls import TlsFiles
from queue_telemetry.logs.buffer import RecordBuffer
from queue_telemetry.logs.loss import LossReport
from queue_telemetry.logs.pipeline import LogPipeline
from queue_telemetry.logs.shipper import Shipper
from queue_telemetry.logs.sink import LogSink

__all__ = [
    "Durability",
    "Endpoint",
    "Limits",
    "LogPipeline",
    "LogSink",
    "LossRecord",
    "LossReport",
    "Losses",
    "RecordBuffer",
    "RecordBuilder",
    "Redactor",
    "Shipper",
    "Storage",
    "TlsFiles",
    "free_key",
    "pass_on",
]
