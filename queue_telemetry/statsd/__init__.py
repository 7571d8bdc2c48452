"""StatsD: dialects as data, a client on the `statsd` package, and the emitter that folds, packs and accounts."""

from queue_telemetry.statsd._dialect import DIALECTS, Dialect
from queue_telemetry.statsd._origin import ORIGIN_FORM, Origin
from queue_telemetry.statsd._socket_path import SOCKET_FORM, SOCKET_SCHEMES, parse_socket_path
from queue_telemetry.statsd.client import Pipeline, StatsClient
from queue_telemetry.statsd.emitter import Emitter

__all__ = [
    "DIALECTS",
    "ORIGIN_FORM",
    "SOCKET_FORM",
    "SOCKET_SCHEMES",
    "Dialect",
    "Emitter",
    "Origin",
    "Pipeline",
    "StatsClient",
    "parse_socket_path",
]
