"""The formats of collectors, one a file, and what a format of your own needs."""

from queue_telemetry.logs._answer import Answer, Failure
from queue_telemetry.logs._verdict import Action, Rejection, Verdict, read_status
from queue_telemetry.logs.formats._address import with_path
from queue_telemetry.logs.formats._built_in import FORMATS, format_for
from queue_telemetry.logs.formats._format import Format
from queue_telemetry.logs.formats.datadog import DatadogFormat
from queue_telemetry.logs.formats.elasticsearch import ElasticsearchFormat
from queue_telemetry.logs.formats.json import JsonFormat
from queue_telemetry.logs.formats.loki import LokiFormat
from queue_telemetry.logs.formats.ndjson import NdjsonFormat
from queue_telemetry.logs.formats.otlp import OtlpFormat
from queue_telemetry.logs.formats.splunk import SplunkFormat

__all__ = [
    "FORMATS",
    "Action",
    "Answer",
    "DatadogFormat",
    "ElasticsearchFormat",
    "Failure",
    "Format",
    "JsonFormat",
    "LokiFormat",
    "NdjsonFormat",
    "OtlpFormat",
    "Rejection",
    "SplunkFormat",
    "Verdict",
    "format_for",
    "read_status",
    "with_path",
]
