from collections.abc import Callable
from typing import Any

import pytest
import yaml

from queue_telemetry.export import exported
from queue_telemetry.settings import Settings

MINIMUM = {
    "EnqueueFailing",
    "QueueOldestTaskAgeHigh",
    "QueueSizeHigh",
    "QueueTelemetryAbsent",
    "QueueWithoutCompletions",
    "QueueWorkersBelowMinimum",
    "TaskDeadLettersGrowing",
    "TaskFailureRatioHigh",
    "TaskRetryStorm",
    "TaskStuck",
    "TaskWaitHigh",
    "TasksLost",
    "TelemetryDropping",
    "WorkerSaturationHigh",
}
Texts = Callable[..., dict[str, str]]


def rules(**settings: object) -> dict[str, dict[str, Any]]:
    (text,) = [file.text for file in exported(Settings(**settings), "prometheus") if "rules" in file.path]
    (group,) = yaml.safe_load(text)["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def test_there_is_a_rule_for_each_thing_that_may_go_wrong() -> None:
    assert MINIMUM == set(rules())


@pytest.mark.parametrize("alert", sorted(MINIMUM))
def test_a_rule_asks_for_what_there_is(
    alert: str, assert_asks_for_what_there_is: Callable[[str], None]
) -> None:
    assert_asks_for_what_there_is(rules()[alert]["expr"])


@pytest.mark.parametrize(
    ("setting", "value", "alert", "end"),
    [
        ("health_oldest_task_age_max_s", 42, "QueueOldestTaskAgeHigh", "> 42"),
        ("health_queue_size_max", 42, "QueueSizeHigh", "> 42"),
        ("health_wait_p95_max_s", 42, "TaskWaitHigh", "> 42"),
        ("health_failure_ratio", 0.42, "TaskFailureRatioHigh", ">= 20"),
        ("health_failure_min_tasks", 42, "TaskFailureRatioHigh", ">= 42"),
        ("health_retry_ratio", 0.42, "TaskRetryStorm", ">= 20"),
        ("health_min_workers", 42, "QueueWorkersBelowMinimum", "< 42"),
        ("health_utilisation_max", 0.42, "WorkerSaturationHigh", "> 0.42"),
    ],
)
def test_a_limit_is_the_settings(setting: str, value: float, alert: str, end: str) -> None:
    rule = rules(**{setting: value})[alert]

    assert rule["expr"].endswith(end)
    assert str(value) in rule["expr"]
    if "min_tasks" not in setting:
        assert f"QUEUE_TELEMETRY_{setting.upper()}." in rule["annotations"]["description"]


@pytest.mark.parametrize(
    ("setting", "alert"),
    [
        ("health_oldest_task_age_max_s", "QueueOldestTaskAgeHigh"),
        ("health_queue_size_max", "QueueSizeHigh"),
        ("health_wait_p95_max_s", "TaskWaitHigh"),
        ("health_failure_ratio", "TaskFailureRatioHigh"),
        ("health_retry_ratio", "TaskRetryStorm"),
        ("health_min_workers", "QueueWorkersBelowMinimum"),
        ("health_utilisation_max", "WorkerSaturationHigh"),
    ],
)
def test_a_rule_that_was_turned_off_is_left_out(setting: str, alert: str) -> None:
    assert MINIMUM - {alert} == set(rules(**{setting: 0}))


def test_what_is_scraped_is_where_the_probes_are_served(texts: Texts) -> None:
    files = texts("prometheus", service="billing", health_port=9999)
    configuration = yaml.safe_load(files["prometheus/prometheus.yml"])
    (job,) = configuration["scrape_configs"]

    assert ("billing", [{"targets": ["127.0.0.1:9999"]}]) == (job["job_name"], job["static_configs"])
    assert [f"prometheus/{name}" for name in configuration["rule_files"]] == [
        name for name in files if "rules" in name
    ]
