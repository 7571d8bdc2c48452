import json
from dataclasses import replace

import pytest

from queue_telemetry._runtime import DropReason
from queue_telemetry.healthcheck import HealthReport, HealthStatus, Reason

_TIME = "2025-11-05T10:15:30.123Z"


def test_as_dict_has_the_documented_keys_in_order(report: HealthReport) -> None:
    assert [
        ("status", "healthy"),
        ("queue_size", 42),
        ("active_workers", 3),
        ("failed_tasks_1h", 2),
        ("avg_task_duration", 1.5),
        ("live", True),
        ("ready", True),
        ("draining", False),
        ("reasons", []),
        ("in_flight", 2),
        ("slots", {"used": 2, "total": 12}),
        ("completed_1h", 812),
        ("retried_1h", 9),
        ("p50_task_duration", 1.1),
        ("p95_task_duration", 4.2),
        ("p99_task_duration", 6.0),
        ("p95_task_wait", 0.8),
        ("oldest_task_age", 3.1),
        ("longest_running", 0.4),
        (
            "errors",
            [
                {
                    "fingerprint": "9f2c44e1ab3d5566",
                    "type": "ValueError",
                    "task_type": "cleanup_runs",
                    "count": 2,
                    "first_seen": "2025-11-05T10:03:20.500Z",
                    "last_seen": "2025-11-05T10:15:00.000Z",
                    "sample": "bad row N",
                }
            ],
        ),
        ("telemetry", {"statsd": {"delivered": 7, "dropped": {"refused": 1}, "target": "10.0.0.7:8125"}}),
        ("processes", 1),
        ("window_s", 3600),
        ("observed_at", _TIME),
        ("service", "billing"),
        ("version", "1.2.3"),
    ] == list(report.as_dict().items())


def test_as_dict_is_plain_whatever_the_telemetry_holds(report: HealthReport) -> None:
    mixed = replace(
        report, telemetry={"statsd": {DropReason.REFUSED: (1, {2}), "state": HealthStatus.HEALTHY}}
    )

    plain = mixed.as_dict()["telemetry"]

    assert {"statsd": {"refused": [1, [2]], "state": "healthy"}} == plain
    assert plain == json.loads(json.dumps(plain))


def test_a_whole_number_of_tasks_is_shown_whole(report: HealthReport) -> None:
    assert "42" == json.dumps(report.as_dict()["queue_size"])


def test_seconds_are_shown_to_the_microsecond(report: HealthReport) -> None:
    assert 0.3 == replace(report, longest_running=0.1 + 0.2).as_dict()["longest_running"]


@pytest.mark.parametrize(
    ("status", "code", "word"),
    [
        (HealthStatus.HEALTHY, 200, "pass"),
        (HealthStatus.DEGRADED, 200, "warn"),
        (HealthStatus.STARTING, 200, "warn"),
        (HealthStatus.UNHEALTHY, 503, "fail"),
        (HealthStatus.DRAINING, 503, "fail"),
    ],
)
def test_the_status_code_and_the_word_follow_the_verdict(
    report: HealthReport, status: HealthStatus, code: int, word: str
) -> None:
    judged = replace(report, status=status)

    assert code == judged.http_status
    assert word == json.loads(judged.as_health_json())["status"]


def test_health_json_of_a_healthy_process(report: HealthReport) -> None:
    def check(value: object, unit: str | None) -> list[dict[str, object]]:
        units = {} if unit is None else {"observedUnit": unit}
        return [
            {"componentType": "component", "observedValue": value, **units, "status": "pass", "time": _TIME}
        ]

    assert {
        "status": "pass",
        "version": "1.2.3",
        "serviceId": "billing",
        "checks": {
            "process:live": check(True, None),
            "workers:active": check(3, "workers"),
            "tasks:failedLastHour": check(2, "tasks"),
            "queue:size": check(42, "tasks"),
            "queue:oldestTaskAge": check(3.1, "s"),
        },
    } == json.loads(report.as_health_json())


def test_health_json_names_the_reasons_and_the_checks_that_they_fail(report: HealthReport) -> None:
    judged = replace(
        report, status=HealthStatus.UNHEALTHY, live=False, reasons=(Reason.HEARTBEAT_STALE, Reason.QUEUE_SIZE)
    )

    document = json.loads(judged.as_health_json())

    assert "heartbeat_stale, queue_size" == document["output"]
    assert {
        "process:live": "fail",
        "workers:active": "pass",
        "tasks:failedLastHour": "pass",
        "queue:size": "warn",
        "queue:oldestTaskAge": "pass",
    } == {name: checks[0]["status"] for name, checks in document["checks"].items()}


def test_health_json_without_a_reason_still_says_why(report: HealthReport) -> None:
    assert "draining" == json.loads(replace(report, status=HealthStatus.DRAINING).as_health_json())["output"]


def test_health_json_leaves_out_what_is_unknown(report: HealthReport) -> None:
    unknown = replace(
        report, queue_size=None, oldest_task_age=None, active_workers=None, service=None, version=None
    )

    document = json.loads(unknown.as_health_json())

    assert ["status", "checks"] == list(document)
    assert ["process:live", "tasks:failedLastHour"] == list(document["checks"])


def test_health_json_holds_no_error_messages_and_no_telemetry(report: HealthReport) -> None:
    text = report.as_health_json()

    assert b"bad row" not in text
    assert b"10.0.0.7" not in text
