"""What is measured: the catalog, the lock-free cells, the instruments on them, and the stats folded from them."""

from queue_telemetry.metrics.batch import Batch, Series
from queue_telemetry.metrics.catalog import CATALOG, Kind, Metric, Owner

__all__ = ["CATALOG", "Batch", "Kind", "Metric", "Owner", "Series"]
