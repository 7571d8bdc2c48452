"""The mapping by which statsd_exporter makes of StatsD's plain names what `/metrics` shows. Pure.

Source: https://github.com/prometheus/statsd_exporter#metric-mapping-and-configuration
"""

from typing import Final

from queue_telemetry.export._file import File, comment
from queue_telemetry.export._yaml import Value, as_yaml
from queue_telemetry.metrics import CATALOG, EDGES_S, Kind, Metric, Owner
from queue_telemetry.settings import Settings

__all__ = ["statsd_exporter"]

_OWNER: Final = ("host", "slot")  # whose gauge it is, behind the tags' values
_STALE: Final = "1m"  # gauges are sent again every few seconds, and a dead process's not at all


def statsd_exporter(settings: Settings) -> list[File]:
    """Return the mapping for the settings' prefix."""
    head = comment(
        "Mapping for statsd_exporter: gives plain StatsD names (QUEUE_TELEMETRY_STATSD_DIALECT=statsd) the names, labels and"
        " buckets of /metrics, so that the same dashboards and rules do. It divides milliseconds by 1000 itself. An absent"
        " tag is the label value none. Written by: queue-telemetry export --target statsd-exporter"
    )
    prefix = f"{settings.statsd_prefix}." if settings.statsd_prefix else ""
    text = as_yaml({"mappings": [_mapping(metric, prefix) for metric in CATALOG.values()]})
    return [File("statsd-exporter/mapping.yml", head + text)]


def _mapping(metric: Metric, prefix: str) -> dict[str, Value]:
    tags = (*metric.tags, *_OWNER) if metric.owner is Owner.PROCESS else metric.tags
    mapping: dict[str, Value] = {
        "match": ".".join([prefix + metric.name, *("*" for _ in tags)]),
        "match_metric_type": "observer" if metric.kind is Kind.TIMER else metric.kind.value,
        "name": metric.prometheus_name,
        "help": metric.help,
    }
    if tags:
        mapping["labels"] = {tag: f"${place}" for place, tag in enumerate(tags, 1)}
    if metric.kind is Kind.TIMER:
        mapping |= {"observer_type": "histogram", "histogram_options": {"buckets": EDGES_S}}
    if metric.kind is Kind.GAUGE:
        mapping["ttl"] = _STALE
    return mapping
