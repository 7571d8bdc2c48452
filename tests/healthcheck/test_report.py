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
        ("stale_probes", []),
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
        (
            "performance",
            [
                {
                    "queue": "maintenance",
                    "type": "cleanup_runs",
                    "count": 814,
                    "failed": 2,
                    "retried": 9,
                    "rate": 0.226111,
                    "avg_duration": 1.5,
                    "p50_duration": 1.1,
                    "p95_duration": 4.2,
                    "p99_duration": 6.0,
                    "avg_wait": 0.3,
                    "p95_wait": 0.8,
                    "in_flight": 2,
                    "longest_running": None,
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
            "queue:waitP95": check(0.8, "s"),
            "tasks:retriedLastHour": check(9, "tasks"),
            "tasks:longestRunning": check(0.4, "s"),
            "workers:slotsUsed": check(2, "slots"),
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
        "queue:waitP95": "pass",
        "tasks:retriedLastHour": "pass",
        "tasks:longestRunning": "pass",
        "workers:slotsUsed": "pass",
    } == {name: checks[0]["status"] for name, checks in document["checks"].items()}


def test_health_json_without_a_reason_still_says_why(report: HealthReport) -> None:
    assert "draining" == json.loads(replace(report, status=HealthStatus.DRAINING).as_health_json())["output"]


def test_health_json_leaves_out_what_is_unknown(report: HealthReport) -> None:
    unknown = replace(
        report,
        queue_size=None,
        oldest_task_age=None,
        active_workers=None,
        p95_task_wait=None,
        longest_running=None,
        service=None,
        version=None,
    )

    document = json.loads(unknown.as_health_json())

    assert ["status", "checks"] == list(document)
    known = ["process:live", "tasks:failedLastHour", "tasks:retriedLastHour", "workers:slotsUsed"]
    assert known == list(document["checks"])


def test_stale_probes_are_named_and_fail_their_check(report: HealthReport) -> None:
    judged = replace(
        report,
        status=HealthStatus.DEGRADED,
        reasons=(Reason.PROBE_STALE,),
        stale_probes=("oldest_task_age:mail", "queue_size:mail"),
    )

    check = json.loads(judged.as_health_json())["checks"]["probes:stale"][0]
    assert (2, "warn") == (check["observedValue"], check["status"])
    assert ["oldest_task_age:mail", "queue_size:mail"] == judged.as_dict()["stale_probes"]


def test_health_json_holds_no_error_messages_and_no_telemetry(report: HealthReport) -> None:
    text = report.as_health_json()

    assert b"bad row" not in text
    assert b"10.0.0.7" not in text
