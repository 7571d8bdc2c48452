"""The text that a Prometheus server scrapes: all counters, gauges and histograms of the processes of a host."""

from queue_telemetry.prometheus.metrics_text import MetricsText
from queue_telemetry.prometheus.scrape import Scrape

__all__ = ["MetricsText", "Scrape"]
