"""What is measured: the catalog, the lock-free cells, the instruments on them, and the stats folded from them."""

from queue_telemetry.metrics.batch import Batch, Series
from queue_telemetry.metrics.catalog import CATALOG, Kind, Metric, Owner
from queue_telemetry.metrics.error_groups import ErrorNews, News
from queue_telemetry.metrics.errors import ErrorGroup, ErrorSample, fingerprint
from queue_telemetry.metrics.instruments import MAX_SAMPLES, Counter, Gauge, Marks, plain_number, take
from queue_telemetry.metrics.registry import OTHER, Registry, tag_text
from queue_telemetry.metrics.snapshot import Snapshot, TypePerformance
from queue_telemetry.metrics.stats import Stats
from queue_telemetry.metrics.summary import Summary, merge
from queue_telemetry.metrics.surface import Instruments
from queue_telemetry.metrics.tallies import (
    EDGES_S,
    ErrorTally,
    Histogram,
    Reading,
    Running,
    SeriesKey,
    TypeSlice,
)
from queue_telemetry.metrics.timer import Timer

__all__ = [
    "CATALOG",
    "EDGES_S",
    "MAX_SAMPLES",
    "OTHER",
    "Batch",
    "Counter",
    "ErrorGroup",
    "ErrorNews",
    "ErrorSample",
    "ErrorTally",
    "Gauge",
    "Histogram",
    "Instruments",
    "Kind",
    "Marks",
    "Metric",
    "News",
    "Owner",
    "Reading",
    "Registry",
    "Running",
    "Series",
    "SeriesKey",
    "Snapshot",
    "Stats",
    "Summary",
    "Timer",
    "TypePerformance",
    "TypeSlice",
    "fingerprint",
    "merge",
    "plain_number",
    "tag_text",
    "take",
]
