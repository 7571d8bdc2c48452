"""The peers' side of shipping: handlers of the stdlib's logging that loguru takes too, as their documents show them."""

import logging
import warnings
from collections.abc import Callable
from typing import Final, Protocol
from urllib.parse import urlsplit

from logstash_async.handler import AsynchronousLogstashHandler
from logstash_async.transport import HttpTransport
from loki_logger_handler.formatters.logger_formatter import LoggerFormatter
from loki_logger_handler.formatters.loguru_formatter import LoguruFormatter
from loki_logger_handler.loki_logger_handler import LokiLoggerHandler
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

__all__ = ["Make", "Peer", "logstash", "loki", "otlp"]

Peer = tuple[logging.Handler, Callable[[], object]]
"""A handler, and what makes it send what it has left."""


class Make(Protocol):
    """Makes a peer's handler for a collector; not each looks at who calls it."""

    def __call__(self, url: str, *, is_loguru: bool) -> Peer:
        """Return what is to be given to the logger."""


_LINGER_S: Final = 1  # as ours
_QUEUE_RECORDS: Final = 100_000  # with its own default, 2,048, OpenTelemetry's processor loses half
_BATCH_RECORDS: Final = 1_000  # as ours


def loki(url: str, *, is_loguru: bool) -> Peer:
    """Return loki-logger-handler."""
    handler = LokiLoggerHandler(
        f"{url}/loki/api/v1/push",
        {"service_name": "benchmark"},
        timeout=_LINGER_S,
        default_formatter=LoguruFormatter() if is_loguru else LoggerFormatter(),
    )
    return handler, handler.flush_event.set


def logstash(url: str, *, is_loguru: bool) -> Peer:
    """Return python-logstash-async, with its events in memory."""
    address = urlsplit(url)
    transport = HttpTransport(address.hostname, address.port, ssl_enable=False, timeout=10.0)
    handler = AsynchronousLogstashHandler(
        address.hostname, address.port, database_path=None, transport=transport
    )
    return handler, handler.close


def otlp(url: str, *, is_loguru: bool) -> Peer:
    """Return OpenTelemetry's handler, batching processor and OTLP/HTTP exporter."""
    provider = LoggerProvider(shutdown_on_exit=False)
    exporter = OTLPLogExporter(f"{url}/v1/logs", compression=Compression.Gzip)
    provider.add_log_record_processor(
        BatchLogRecordProcessor(
            exporter,
            schedule_delay_millis=1_000 * _LINGER_S,
            max_export_batch_size=_BATCH_RECORDS,
            max_queue_size=_QUEUE_RECORDS,
        )
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its successor takes the same way
        handler = LoggingHandler(logger_provider=provider)
    return handler, provider.shutdown
