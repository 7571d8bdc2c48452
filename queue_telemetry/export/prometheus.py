"""Alert rules and a scrape configuration for Prometheus. Pure: no clock, no socket, no state.

Source: https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/
"""

from typing import Final

from queue_telemetry.export._alerts import Alert, alerts
from queue_telemetry.export._file import File, comment
from queue_telemetry.export._ports import place
from queue_telemetry.export._yaml import as_yaml
from queue_telemetry.settings import Settings

__all__ = ["prometheus"]

_RULES: Final = "queue_telemetry.rules.yml"


def prometheus(settings: Settings) -> list[File]:
    """Return the rules, whose limits are the settings', and a configuration that loads them and scrapes `/metrics`."""
    head = comment(
        "Alert rules for queue_telemetry, over what /metrics shows or statsd_exporter makes of StatsD's names. Written by:"
        " queue-telemetry export --target prometheus"
    )
    rules = [_as_rule(alert) for alert in alerts(settings)]
    groups = as_yaml({"groups": [{"name": "queue_telemetry", "rules": rules}]})
    where = place(settings)
    scrape = as_yaml(
        {
            "rule_files": [_RULES],
            "scrape_configs": [
                {
                    "job_name": where.name,
                    "scrape_interval": "15s",
                    "static_configs": [{"targets": [f"127.0.0.1:{where.port}"]}],
                }
            ],
        }
    )
    return [
        File(f"prometheus/{_RULES}", head + groups),
        File(
            "prometheus/prometheus.yml",
            comment(
                "One target for each host: a process there answers for all. QUEUE_TELEMETRY_HEALTH_PORT is its port."
            )
            + scrape,
        ),
    ]


def _as_rule(alert: Alert) -> dict[str, str | dict[str, str]]:
    return {
        "alert": alert.name,
        "expr": alert.expr,
        "for": alert.hold,
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.summary, "description": alert.description},
    }
