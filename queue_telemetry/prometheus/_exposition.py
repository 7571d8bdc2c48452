"""Writes families as text, through `prometheus_client`: the only file that imports it."""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import generate_latest as write_text
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST as OPEN_METRICS
from prometheus_client.openmetrics.exposition import generate_latest as write_open_metrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from queue_telemetry.metrics import EDGES_S, Kind
from queue_telemetry.prometheus.families import Family

__all__ = ["expose"]

_TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
_BOUNDS: Final = (*map(floatToGoString, EDGES_S), "+Inf")


def expose(families: Sequence[Family], *, open_metrics: bool) -> tuple[bytes, str]:
    """Return the text and its content type.

    Source: https://prometheus.io/docs/instrumenting/exposition_formats/
    """
    collector = _Families(families)
    if open_metrics:
        return write_open_metrics(collector), OPEN_METRICS  # type: ignore[no-untyped-call] # of an untyped package
    return write_text(collector), _TEXT


class _Families(Collector):
    """A custom collector, for one scrape."""

    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return map(_metric, self._families)


def _metric(family: Family) -> Metric:
    metric: Metric
    if family.kind is Kind.TIMER:
        return _histogram(family)
    if family.kind is Kind.COUNTER:
        metric = CounterMetricFamily(family.name, family.help, unit=family.unit)
        name = f"{family.name}_total"
    else:
        metric = GaugeMetricFamily(family.name, family.help, unit=family.unit)
        name = family.name
    for labels, value in family.values.items():
        metric.add_sample(name, dict(labels), value)
    return metric


def _histogram(family: Family) -> Metric:
    metric = HistogramMetricFamily(family.name, family.help, unit=family.unit)
    for labels, histogram in family.histograms.items():
        plain = dict(labels)
        upto = list(accumulate(histogram.counts))
        for bound, count in zip(_BOUNDS, upto, strict=True):
            metric.add_sample(f"{family.name}_bucket", {**plain, "le": bound}, count)
        metric.add_sample(f"{family.name}_count", plain, upto[-1])
        metric.add_sample(f"{family.name}_sum", plain, histogram.sum_s)
    return metric
