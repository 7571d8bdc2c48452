"""What the dashboard shows: titles and queries. Pure: no clock, no socket, no state.

Grafana fills in its variables: `$job`, `$queue`, `$type`, and the window that suits what is shown.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from queue_telemetry.export import _promql as promql
from queue_telemetry.export._limits import limit
from queue_telemetry.metrics import CATALOG
from queue_telemetry.settings import Settings
from queue_telemetry.tasks import Reason

__all__ = ["VARIABLES", "Panel", "Query", "rows"]

VARIABLES: Final = ("job", "queue", "type")
_WINDOW: Final = "$__rate_interval"
_ENDS: Final = ("completed", "failed", "retried", "cancelled", "skipped", "interrupted")


@dataclass(frozen=True, slots=True)
class Query:
    """One query, and what its lines are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel.

    Attributes:
        title: What it shows.
        unit: Grafana's name of the unit.
        queries: What it asks.
        kind: `timeseries`, or `stat` for a single number.
        limit: Where it turns red; None for nowhere.
    """

    title: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    limit: float | None = None


def rows(settings: Settings) -> dict[str, list[Panel]]:
    """Return the panels by the title of their row, with the settings' limits."""
    of = partial(_limit, settings)
    return {
        "Now": _now(of),
        "Tasks": _tasks(of),
        "Durations": _durations(of),
        "Queues and workers": _queues(of),
        "Broker and telemetry": _broker(),
    }


def _now(of: Callable[[str], float | None]) -> list[Panel]:
    failed = promql.increase("queue.tasks.failed", "1h", where=_where("queue.tasks.failed", _UNEXPECTED))
    return [
        _stat("Workers", promql.summed(_level("queue.active_workers"))),
        _stat("In flight", promql.summed(_level("queue.tasks.in_flight"))),
        _stat("Waiting", promql.summed(_largest("queue.size")), limit_=of("health_queue_size_max")),
        _stat(
            "Oldest waits for",
            promql.summed(_level("queue.oldest_task_age"), how="max"),
            "s",
            of("health_oldest_task_age_max_s"),
        ),
        _stat("Failed, last hour", failed),
        _stat("Alerts fired, last hour", promql.increase("queue.alerts.fired", "1h", where=_JOB)),
    ]


def _tasks(of: Callable[[str], float | None]) -> list[Panel]:
    shares = (
        ("Failures, share of runs", "queue.tasks.failed", _UNEXPECTED, "health_failure_ratio"),
        ("Retries, share of runs", "queue.tasks.retried", "", "health_retry_ratio"),
    )
    return [
        Panel("Ends of runs", "ops", tuple(_rate(f"queue.tasks.{end}", legend=end) for end in _ENDS)),
        Panel(
            "Enqueued, claimed, started",
            "ops",
            tuple(_rate(f"queue.tasks.{step}", legend=step) for step in ("enqueued", "claimed", "started")),
        ),
        Panel("Completed", "ops", (_rate("queue.tasks.completed", "queue", "type"),)),
        Panel("Failures", "ops", (_rate("queue.tasks.failed", "type", "error_type", "reason"),)),
        *(
            Panel(title, "percentunit", (_share(name, more),), limit=of(setting))
            for title, name, more, setting in shares
        ),
    ]


def _durations(of: Callable[[str], float | None]) -> list[Panel]:
    return [
        Panel(
            "Duration of runs",
            "s",
            tuple(_quantile(share, "queue.task.duration") for share in (0.5, 0.95, 0.99)),
        ),
        Panel("Duration, p95", "s", (_quantile(0.95, "queue.task.duration", "type"),)),
        Panel("Duration, mean", "s", (_mean("queue.task.duration", "type"),)),
        Panel(
            "Wait, p95",
            "s",
            (_quantile(0.95, "queue.task.wait", "queue"),),
            limit=of("health_wait_p95_max_s"),
        ),
    ]


def _queues(of: Callable[[str], float | None]) -> list[Panel]:
    used, total = (_level("queue.worker.slots", f'state="{state}"') for state in ("used", "total"))
    return [
        Panel(
            "Waiting",
            "short",
            (Query(_largest("queue.size"), "{{queue}}"),),
            limit=of("health_queue_size_max"),
        ),
        Panel(
            "Oldest task waits for",
            "s",
            (Query(_largest("queue.oldest_task_age"), "{{queue}}"),),
            limit=of("health_oldest_task_age_max_s"),
        ),
        Panel(
            "Slots in use",
            "percentunit",
            (Query(f"{promql.summed(used, 'job')}\n  / {promql.summed(total, 'job')}", "{{job}}"),),
            limit=of("health_utilisation_max"),
        ),
        Panel(
            "In flight",
            "short",
            (Query(promql.summed(_level("queue.tasks.in_flight"), "queue", "type"), "{{queue}} {{type}}"),),
        ),
        Panel(
            "Workers",
            "short",
            (
                Query(
                    promql.summed(_level("queue.active_workers"), "job", "instance"), "{{job}} {{instance}}"
                ),
            ),
            limit=None,
        ),
    ]


def _broker() -> list[Panel]:
    return [
        Panel(
            "Broker calls, p95",
            "s",
            (_quantile(0.95, "queue.enqueue.duration"), _quantile(0.95, "queue.claim.duration")),
        ),
        Panel(
            "Broker calls that came to nothing",
            "ops",
            (
                _rate("queue.enqueue.failed", legend="enqueue failed"),
                _rate("queue.claims.failed", legend="claim failed"),
                _rate("queue.claims.empty", legend="claim empty"),
            ),
        ),
        Panel(
            "Telemetry",
            "ops",
            tuple(
                _rate(f"queue.telemetry.{step}", "signal", legend=f"{{{{signal}}}} {step}")
                for step in ("accepted", "delivered")
            ),
        ),
        Panel("Telemetry dropped", "ops", (_rate("queue.telemetry.dropped", "signal", "reason"),)),
    ]


_JOB: Final = 'job=~"$job"'
_UNEXPECTED: Final = f'reason!="{Reason.EXPECTED}"'


def _where(name: str, *more: str) -> str:
    """Return the matchers of the variables for which a metric has a label, and more of its own."""
    tags = ("job", *CATALOG[name].tags)
    return ", ".join([*(f'{tag}=~"${tag}"' for tag in VARIABLES if tag in tags), *filter(None, more)])


def _level(name: str, *more: str) -> str:
    return promql.level(name, _where(name, *more))


def _largest(name: str) -> str:
    return promql.summed(_level(name), "job", "queue", how="max")  # several hosts know the same


def _stat(title: str, expr: str, unit: str = "short", limit_: float | None = None) -> Panel:
    return Panel(title, unit, (Query(expr),), "stat", limit_)


def _rate(name: str, *by: str, legend: str = "") -> Query:
    return Query(promql.rate(name, _WINDOW, *by, where=_where(name)), legend or _legend(*by))


def _share(name: str, more: str) -> Query:
    return Query(
        promql.ratio(name, "queue.tasks.started", _WINDOW, "queue", "type", where=_where(name, more)),
        _legend("queue", "type"),
    )


def _quantile(share: float, name: str, *by: str) -> Query:
    legend = f"{_legend(*by)} p{share * 100:g}".strip() if by else f"{name} p{share * 100:g}"
    return Query(promql.quantile(share, name, _WINDOW, *by, where=_where(name)), legend)


def _mean(name: str, *by: str) -> Query:
    return Query(promql.mean(name, _WINDOW, *by, where=_where(name)), _legend(*by))


def _legend(*by: str) -> str:
    return " ".join(f"{{{{{label}}}}}" for label in by)


def _limit(settings: Settings, field: str) -> float | None:
    return limit(settings, field).value or None
