"""A dashboard for Grafana over a Prometheus data source. Pure: no clock, no socket, no state.

Source: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/
"""

import json
from collections.abc import Iterator
from itertools import count
from typing import Final

from queue_telemetry.export import _promql as promql
from queue_telemetry.export._file import File
from queue_telemetry.export._panels import VARIABLES, Panel, rows
from queue_telemetry.settings import Settings

__all__ = ["grafana"]

Json = dict[str, object]

_SOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS: Final = 24
_SIZES: Final = {"stat": (4, 4), "timeseries": (12, 8)}  # width, height
_SCHEMA: Final = 39  # of Grafana 10 and 11; later ones bring it up to date


def grafana(settings: Settings) -> list[File]:
    """Return the dashboard, to be imported or provisioned as it is; red begins at the settings' limits."""
    dashboard: Json = {
        "uid": "queue-telemetry",
        "title": "Task queues",
        "tags": ["queue_telemetry"],
        "schemaVersion": _SCHEMA,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": list(_variables())},
        "panels": list(_placed(rows(settings))),
    }
    return [File("grafana/queue_telemetry.json", json.dumps(dashboard, indent=2) + "\n")]


def _variables() -> Iterator[Json]:
    yield {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}
    started = promql.present("queue.tasks.started")
    for label in VARIABLES:
        query = f"label_values({started}, {label})"
        yield {
            "name": label,
            "label": label.capitalize(),
            "type": "query",
            "datasource": _SOURCE,
            "definition": query,
            "query": {"query": query, "refId": label},
            "refresh": 2,  # when the time range changes
            "multi": True,
            "includeAll": True,
            "allValue": ".*",  # also what has no such label
            "current": {"text": "All", "value": "$__all"},
        }


def _placed(titled: dict[str, list[Panel]]) -> Iterator[Json]:
    """Put the panels side by side under their rows' titles."""
    numbers, y = count(1), 0
    for title, panels in titled.items():
        yield {
            "id": next(numbers),
            "type": "row",
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": {"x": 0, "y": y, "w": _COLUMNS, "h": 1},
        }
        x, y = 0, y + 1
        height = 0
        for panel in panels:
            width, height = _SIZES[panel.kind]
            if x + width > _COLUMNS:
                x, y = 0, y + height
            yield {"id": next(numbers), **_panel(panel), "gridPos": {"x": x, "y": y, "w": width, "h": height}}
            x += width
        y += height


def _panel(panel: Panel) -> Json:
    steps: list[Json] = [{"color": "green", "value": None}]
    if panel.limit is not None:
        steps.append({"color": "red", "value": panel.limit})
    defaults: Json = {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.limit is not None and panel.kind == "timeseries":
        defaults["custom"] = {"thresholdsStyle": {"mode": "line"}}
    return {
        "type": panel.kind,
        "title": panel.title,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": {},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend,
            }
            for place, query in enumerate(panel.queries)
        ],
    }
