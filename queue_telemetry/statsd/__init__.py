"""StatsD: dialects as data, a client on the `statsd` package, and the emitter that folds, packs and accounts."""

from queue_telemetry.statsd._dialect import DIALECTS, Dialect
from queue_telemetry.statsd._origin import Origin
from queue_telemetry.statsd._socket_path import parse_socket_path
from queue_telemetry.statsd.client import Pipeline, StatsClient
from queue_telemetry.statsd.emitter import Emitter

__all__ = ["DIALECTS", "Dialect", "Emitter", "Origin", "Pipeline", "StatsClient", "parse_socket_path"]
