"""promtool reads the exported rules, and each alert fires when it should and at no other time."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from queue_telemetry.export import exported
from queue_telemetry.settings import Settings

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]

_MAIL: Final = 'job="j", instance="i", queue="mail", type="send"'
_QUIET: Final = {'queue_telemetry_accepted_total{job="j", signal="metrics"}': "1+1x120"}  # somebody is there
_STARTED: Final = f"queue_tasks_started_total{{{_MAIL}}}"
_FAILED: Final = f'queue_tasks_failed_total{{{_MAIL}, error_type="E", reason="%s"}}'

Series = dict[str, str]

# What is scraped each minute: `a+bxn` begins at a and grows by b, n times; `_` is nothing.
_CASES: Final[list[tuple[str, str, Series, str, set[str]]]] = [
    ("an hour of nothing bad", "1h", {_STARTED: "0+60x120"}, "", set()),
    ("nobody is there", "15m", {"queue_telemetry_accepted_total": "_x120"}, "", {"QueueTelemetryAbsent"}),
    (
        "a task waits",
        "10m",
        {'queue_oldest_task_age_seconds{job="j", queue="mail"}': "601x60"},
        "",
        {"QueueOldestTaskAgeHigh"},
    ),
    (
        "a task waits, told by two hosts",
        "10m",
        {
            f'queue_oldest_task_age_seconds{{job="j", instance="{host}", queue="mail"}}': "400x60"
            for host in "ab"
        },
        "",
        set(),
    ),
    (
        "a queue is long",
        "20m",
        {'queue_size_current{job="j", queue="mail"}': "1001x60"},
        "",
        {"QueueSizeHigh"},
    ),
    (
        "two queues are long together",
        "20m",
        {f'queue_size_current{{job="j", queue="{queue}"}}': "501x60" for queue in "ab"},
        "",
        {"QueueSizeHigh"},
    ),
    (
        "a queue is told by two hosts",
        "20m",
        {f'queue_size_current{{job="j", instance="{host}", queue="mail"}}': "501x60" for host in "ab"},
        "",
        set(),
    ),
    (
        "tasks wait",
        "30m",
        {
            f'queue_task_wait_seconds_bucket{{{_MAIL}, le="300.0"}}': "0+1x60",
            f'queue_task_wait_seconds_bucket{{{_MAIL}, le="600.0"}}': "0+60x60",
            f'queue_task_wait_seconds_bucket{{{_MAIL}, le="+Inf"}}': "0+60x60",
        },
        "",
        {"TaskWaitHigh"},
    ),
    (
        "tasks hardly wait",
        "30m",
        {
            f'queue_task_wait_seconds_bucket{{{_MAIL}, le="300.0"}}': "0+60x60",
            f'queue_task_wait_seconds_bucket{{{_MAIL}, le="+Inf"}}': "0+60x60",
        },
        "",
        set(),
    ),
    (
        "none completes",
        "30m",
        {
            f"queue_tasks_enqueued_total{{{_MAIL}}}": "0+60x60",
            f"queue_tasks_completed_total{{{_MAIL}}}": "5x60",
        },
        "",
        {"QueueWithoutCompletions"},
    ),
    (
        "none ever completed",
        "30m",
        {f"queue_tasks_enqueued_total{{{_MAIL}}}": "0+60x60"},
        "",
        {"QueueWithoutCompletions"},
    ),
    (
        "another job completes",
        "30m",
        {
            'queue_tasks_enqueued_total{job="web", queue="mail", type="send"}': "0+60x60",
            f"queue_tasks_completed_total{{{_MAIL}}}": "0+60x60",
        },
        "",
        set(),
    ),
    (
        "many fail",
        "1h",
        {_STARTED: "0+60x120", _FAILED % "exception": "0+15x120"},
        "",
        {"TaskFailureRatioHigh"},
    ),
    (
        "many failed an hour ago",
        "1h",
        {_STARTED: "0+60x120", _FAILED % "exception": "0+30x40 1200x60"},
        "",
        set(),
    ),
    (
        "many have failed for five minutes",
        "1h",
        {_STARTED: "0+60x120", _FAILED % "exception": "0x54 0+60x60"},
        "",
        set(),
    ),
    ("few fail", "1h", {_STARTED: "0+60x120", _FAILED % "exception": "0+14x120"}, "", set()),
    ("many fail as expected", "1h", {_STARTED: "0+60x120", _FAILED % "expected": "0+60x120"}, "", set()),
    ("all of a few fail", "1h", {_STARTED: "0x50 1+1x10", _FAILED % "exception": "0x50 1+1x10"}, "", set()),
    (
        "most are tried again",
        "1h",
        {_STARTED: "0+60x120", f"queue_tasks_retried_total{{{_MAIL}}}": "0+31x120"},
        "",
        {"TaskRetryStorm"},
    ),
    (
        "some are tried again",
        "1h",
        {_STARTED: "0+60x120", f"queue_tasks_retried_total{{{_MAIL}}}": "0+29x120"},
        "",
        set(),
    ),
    (
        "no worker is left",
        "10m",
        {'queue_active_workers{job="j", instance="i"}': "3x3 0x60"},
        "",
        {"QueueWorkersBelowMinimum"},
    ),
    (
        "too few workers are left",
        "10m",
        {'queue_active_workers{job="j", instance="i"}': "3x60"},
        "4",
        {"QueueWorkersBelowMinimum"},
    ),
    ("workers are left", "10m", {'queue_active_workers{job="j", instance="i"}': "3x60"}, "", set()),
    (
        "all slots are in use",
        "10m",
        {
            'queue_worker_slots{job="j", instance="i", state="used"}': "10x60",
            'queue_worker_slots{job="j", instance="i", state="total"}': "10x60",
        },
        "",
        {"WorkerSaturationHigh"},
    ),
    (
        "nine in ten slots are in use",
        "10m",
        {
            'queue_worker_slots{job="j", instance="i", state="used"}': "9x60",
            'queue_worker_slots{job="j", instance="i", state="total"}': "10x60",
        },
        "",
        set(),
    ),
    ("a first run is lost", "20m", {_FAILED % "lost": "_x15 1x60"}, "", {"TasksLost"}),
    ("another run is lost", "20m", {_FAILED % "lost": "1x15 2x60"}, "", {"TasksLost"}),
    ("a run was lost long ago", "40m", {_FAILED % "lost": "_x15 1x60"}, "", set()),
    ("tasks are given up", "20m", {_FAILED % "retries_exhausted": "0+1x60"}, "", {"TaskDeadLettersGrowing"}),
    (
        "a run is stuck",
        "20m",
        {'queue_alerts_fired_total{job="j", instance="i", rule="stuck_task"}': "_x15 1x60"},
        "",
        {"TaskStuck"},
    ),
    (
        "something else is wrong locally",
        "20m",
        {'queue_alerts_fired_total{job="j", instance="i", rule="queue_size"}': "_x15 1x60"},
        "",
        set(),
    ),
    (
        "the broker refuses",
        "20m",
        {'queue_enqueue_failed_total{job="j", queue="mail", error_type="E"}': "_x15 1x60"},
        "",
        {"EnqueueFailing"},
    ),
    (
        "telemetry is dropped",
        "20m",
        {'queue_telemetry_dropped_total{job="j", signal="logs", reason="memory_full"}': "0+1x60"},
        "",
        {"TelemetryDropping"},
    ),
]


@pytest.fixture(scope="session")
def promtool(installed: Callable[..., str]) -> Callable[..., str]:
    """Run it in a folder; return what it says."""
    command = installed("promtool")

    def run(folder: Path, *arguments: str) -> str:
        done = subprocess.run(
            [command, *arguments], cwd=folder, capture_output=True, text=True, timeout=30, check=False
        )
        assert 0 == done.returncode, done.stdout + done.stderr
        return done.stdout

    return run


def test_promtool_takes_the_rules_and_the_configuration(promtool: Callable[..., str], tmp_path: Path) -> None:
    for file in exported(Settings(), "prometheus"):
        (tmp_path / Path(file.path).name).write_text(file.text)

    assert "SUCCESS: 14 rules found" in promtool(tmp_path, "check", "rules", "queue_telemetry.rules.yml")
    assert "SUCCESS" in promtool(tmp_path, "check", "config", "prometheus.yml")


@pytest.mark.parametrize(
    ("when", "series", "least", "firing"), [case[1:] for case in _CASES], ids=[case[0] for case in _CASES]
)
def test_an_alert_fires_when_it_should(
    when: str, series: Series, least: str, firing: set[str], promtool: Callable[..., str], tmp_path: Path
) -> None:
    """Every alert is asked for, so that none fires unasked."""
    settings = Settings(**({"health_min_workers": least} if least else {}))
    rules = next(file.text for file in exported(settings, "prometheus") if "rules" in file.path)
    (tmp_path / "rules.yml").write_text(rules)
    given = series if "QueueTelemetryAbsent" in firing else {**_QUIET, **series}
    names = [line.split()[-1] for line in rules.splitlines() if line.strip().startswith("- alert:")]
    checks = [
        {
            "expr": f'count by (alertname) (ALERTS{{alertstate="firing", alertname="{name}"}})',
            "eval_time": when,
            "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1}] if name in firing else [],
        }
        for name in names
    ]
    test: dict[str, Any] = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in given.items()],
                "promql_expr_test": checks,
            }
        ],
    }
    (tmp_path / "test.yml").write_text(json.dumps(test))

    assert "SUCCESS" in promtool(tmp_path, "test", "rules", "test.yml")
    assert 14 == len(names)
    assert firing <= set(names)
