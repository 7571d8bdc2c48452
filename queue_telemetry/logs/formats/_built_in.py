"""The built-in formats by the names that the setting `LOG_FORMAT` takes."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from queue_telemetry.logs.formats._checked import CheckedFormat
from queue_telemetry.logs.formats._format import Format
from queue_telemetry.logs.formats.datadog import DatadogFormat
from queue_telemetry.logs.formats.elasticsearch import ElasticsearchFormat
from queue_telemetry.logs.formats.json import JsonFormat
from queue_telemetry.logs.formats.loki import LokiFormat
from queue_telemetry.logs.formats.ndjson import NdjsonFormat
from queue_telemetry.logs.formats.otlp import OtlpFormat
from queue_telemetry.logs.formats.splunk import SplunkFormat

__all__ = ["FORMATS", "format_for"]

FORMATS: Final[Mapping[str, Callable[[str], Format]]] = MappingProxyType(
    {
        "ndjson": lambda _: NdjsonFormat(),
        "json": lambda _: JsonFormat(),
        "datadog": lambda _: DatadogFormat(),
        "loki": lambda _: LokiFormat(),
        "elasticsearch": ElasticsearchFormat.for_url,
        "splunk": lambda _: SplunkFormat(),
        "otlp": lambda _: OtlpFormat(),
    }
)
"""Names to what makes the format for a URL."""


def format_for(choice: str | Format, url: str) -> Format:
    """Return the user's own format with a check on it, or the built-in one of a name, for the collector at *url*."""
    return FORMATS[choice](url) if isinstance(choice, str) else CheckedFormat(choice)
