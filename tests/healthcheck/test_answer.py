import json
from dataclasses import replace

import pytest

from queue_telemetry.healthcheck import HealthReport, HealthStatus, Reason
from queue_telemetry.healthcheck._answer import answer


def _broken() -> HealthReport:
    raise RuntimeError("password is hunter2 at db.internal")


def test_livez_says_whether_the_process_is_live(report: HealthReport) -> None:
    found = answer(lambda: report, "GET", "/livez", "")

    assert 200 == found.status
    assert {"status": "healthy", "live": True, "reasons": []} == json.loads(found.body)


def test_livez_fails_when_it_is_not(report: HealthReport) -> None:
    stale = replace(
        report, status=HealthStatus.UNHEALTHY, live=False, ready=False, reasons=(Reason.HEARTBEAT_STALE,)
    )

    found = answer(lambda: stale, "GET", "/livez", "")

    assert 503 == found.status
    assert {"status": "unhealthy", "live": False, "reasons": ["heartbeat_stale"]} == json.loads(found.body)


@pytest.mark.parametrize(
    ("status", "live", "ready", "codes"),
    [
        (HealthStatus.HEALTHY, True, True, (200, 200, 200)),
        (HealthStatus.DEGRADED, True, True, (200, 200, 200)),
        (HealthStatus.STARTING, True, False, (200, 503, 200)),
        (HealthStatus.DRAINING, True, False, (200, 503, 503)),
        (HealthStatus.UNHEALTHY, True, False, (200, 503, 503)),
        (HealthStatus.UNHEALTHY, False, False, (503, 503, 503)),
    ],
)
def test_each_path_has_its_own_verdict(
    report: HealthReport, status: HealthStatus, live: bool, ready: bool, codes: tuple[int, int, int]
) -> None:
    judged = replace(report, status=status, live=live, ready=ready)

    assert codes == tuple(
        answer(lambda: judged, "GET", path, "").status for path in ("/livez", "/readyz", "/healthz")
    )


def test_healthz_shows_the_report_without_messages_and_addresses(report: HealthReport) -> None:
    shown = json.loads(answer(lambda: report, "GET", "/healthz", "*/*").body)

    whole = report.as_dict()
    assert list(whole) == list(shown)
    assert {"statsd": {"delivered": 7, "dropped": {"refused": 1}}} == shown["telemetry"]
    assert [
        {
            "fingerprint": "9f2c44e1ab3d5566",
            "type": "ValueError",
            "task_type": "cleanup_runs",
            "count": 2,
            "first_seen": "2025-11-05T10:03:20.500Z",
            "last_seen": "2025-11-05T10:15:00.000Z",
        }
    ] == shown["errors"]
    for key in whole.keys() - {"telemetry", "errors"}:
        assert whole[key] == shown[key]


def test_lists_in_the_telemetry_are_not_public(report: HealthReport) -> None:
    listed = replace(report, telemetry={"logs": {"pending": 3, "tried": ["http://token@collector/"]}})

    assert {"logs": {"pending": 3}} == json.loads(answer(lambda: listed, "GET", "/healthz", "").body)[
        "telemetry"
    ]


def test_healthz_speaks_health_json_when_asked(report: HealthReport) -> None:
    found = answer(lambda: report, "GET", "/healthz", "application/health+json, application/json;q=0.5")

    assert ("application/health+json", report.as_health_json()) == (found.content_type, found.body)
    assert {"Vary": "Accept"} == found.headers


@pytest.mark.parametrize("path", ["", "/", "/livez/", "/LIVEZ", "/metrics", "/healthz/livez"])
def test_another_path_is_not_found_and_asks_for_no_report(path: str) -> None:
    assert 404 == answer(_broken, "GET", path, "").status
    assert 404 == answer(_broken, "POST", path, "").status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get", ""])
def test_another_method_is_not_allowed_and_asks_for_no_report(method: str) -> None:
    found = answer(_broken, method, "/healthz", "")

    assert (405, {"Allow": "GET, HEAD"}) == (found.status, found.headers)


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/livez", 200, {"live": True, "reasons": ["report_failed"]}),
        ("/readyz", 503, {"status": "unhealthy", "ready": False, "reasons": ["report_failed"]}),
        ("/healthz", 503, {"status": "unhealthy", "ready": False, "reasons": ["report_failed"]}),
    ],
)
def test_a_report_that_fails_is_answered_without_a_word_of_why(
    path: str, status: int, body: dict[str, object]
) -> None:
    found = answer(_broken, "GET", path, "")

    assert (status, body) == (found.status, json.loads(found.body))


def test_a_report_that_is_no_json_is_a_report_that_fails(report: HealthReport) -> None:
    odd = replace(report, telemetry={"logs": {"pending": 2**80}})

    assert 503 == answer(lambda: odd, "GET", "/healthz", "").status
