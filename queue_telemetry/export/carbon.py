"""How long Graphite's store keeps the metrics, and how it makes fewer points of many. Pure.

A daemon in front of it gives each metric a place and an ending: `stats.counters.<name>.count`, `stats.timers.<name>.upper`,
`stats.gauges.<name>`, or in its old namespace `stats_counts.<name>`. With tags they stand behind the ending.

Source: https://graphite.readthedocs.io/en/latest/config-carbon.html
"""

import re
from typing import Final

from queue_telemetry.export._file import File, comment
from queue_telemetry.metrics import CATALOG, Kind, Owner
from queue_telemetry.settings import Settings

__all__ = ["carbon"]

_RETENTIONS: Final = (
    "10s:6h,1m:7d,10m:1y"  # the daemon's usual interval first; Carbon keeps the rest where it is longer
)
_HEAD: Final = "Written by: queue-telemetry export --target carbon. The first section that matches wins: put these first."


def carbon(settings: Settings) -> list[File]:
    """Return sections for `storage-schemas.conf` and `storage-aggregation.conf`."""
    prefix = rf"{re.escape(settings.statsd_prefix)}\." if settings.statsd_prefix else ""
    every, shared, timers = (
        rf"(^|\.){prefix}({'|'.join(map(re.escape, names))})"
        for names in (
            CATALOG,
            [name for name, metric in CATALOG.items() if metric.owner is Owner.SHARED],
            [name for name, metric in CATALOG.items() if metric.kind is Kind.TIMER],
        )
    )
    end = r"([.;]|$)"
    aggregations = (
        # pattern, share of points that has to be there, how
        ("counts", rf"^stats_counts\.(.*\.)?{prefix}({'|'.join(map(re.escape, CATALOG))}){end}", "sum"),
        ("endings", rf"{every}{end}(.*\.)?(count|sum|sum_squares)(_\d+)?(;|$)", "sum"),
        ("upper", rf"{timers}{end}(.*\.)?upper(_\d+)?(;|$)", "max"),
        ("lower", rf"{timers}{end}(.*\.)?lower(_\d+)?(;|$)", "min"),
        ("backlog", rf"{shared}{end}", "max"),
        ("others", rf"{every}{end}", "average"),
    )
    return [
        File(
            "carbon/storage-schemas.conf",
            comment("How long to keep what queue_telemetry sends.", _HEAD)
            + _section("queue_telemetry", pattern=every + end, retentions=_RETENTIONS),
        ),
        File(
            "carbon/storage-aggregation.conf",
            comment(
                "How older points are put together: counts add up, a backlog's peak stays. Tasks come when they come, so"
                " one point is enough to make another of.",
                _HEAD,
            )
            + "\n".join(
                _section(
                    f"queue_telemetry_{name}", pattern=pattern, xFilesFactor="0", aggregationMethod=method
                )
                for name, pattern, method in aggregations
            ),
        ),
    ]


def _section(name: str, **options: str) -> str:
    return "".join([f"[{name}]\n", *(f"{key} = {value}\n" for key, value in options.items())])
