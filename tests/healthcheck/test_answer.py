import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from queue_telemetry.healthcheck import HealthReport, HealthStatus, Probes, Reason
from queue_telemetry.healthcheck._answer import Answer, Exposition, Request

_TOKEN = "s3cret"


def answer(report: Callable[[], HealthReport], method: str, path: str, accept: str) -> Answer:
    return Probes(report).answer(Request(method, path, accept=accept))


def answer_all(
    report: HealthReport, query: str, authorization: str = "", token: str | None = _TOKEN
) -> Answer:
    probes = Probes(lambda: report, token=lambda: token)
    return probes.answer(Request("GET", "/healthz", query, authorization=authorization))


def scrape(metrics: Exposition, accept: str = "") -> Answer:
    return Probes(_broken, metrics).answer(Request("GET", "/metrics", accept=accept))


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
    assert {"Vary": "Accept"} == found.more_headers


@pytest.mark.parametrize("path", ["", "/", "/livez/", "/LIVEZ", "/metrics", "/healthz/livez"])
def test_another_path_is_not_found_and_asks_for_no_report(path: str) -> None:
    assert 404 == answer(_broken, "GET", path, "").status
    assert 404 == answer(_broken, "POST", path, "").status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get", ""])
def test_another_method_is_not_allowed_and_asks_for_no_report(method: str) -> None:
    found = answer(_broken, method, "/healthz", "")

    assert (405, {"Allow": "GET, HEAD"}) == (found.status, found.more_headers)


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


def test_nothing_is_cached_or_taken_for_another_type(report: HealthReport) -> None:
    found = answer(lambda: report, "GET", "/livez", "")

    assert [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(found.body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ] == found.headers()


@pytest.mark.parametrize("query", ["verbose", "verbose=1", "a=b&verbose=yes", "verbose="])
def test_who_has_the_token_sees_all(report: HealthReport, query: str) -> None:
    found = answer_all(report, query, f"Bearer {_TOKEN}")

    assert (200, report.as_dict()) == (found.status, json.loads(found.body))


def test_the_schemes_case_does_not_matter(report: HealthReport) -> None:
    assert 200 == answer_all(report, "verbose", f"bearer {_TOKEN}").status


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Bearer s3cre",
        "Bearer s3crets",
        "Basic s3cret",
        "s3cret",
        "Bearer s3cr\xe9t",
    ],
)
def test_who_has_not_is_told_what_is_missing(report: HealthReport, authorization: str) -> None:
    found = answer_all(report, "verbose", authorization)

    assert (401, {"WWW-Authenticate": "Bearer"}) == (found.status, found.more_headers)
    assert b"bad row" not in found.body


@pytest.mark.parametrize("token", [None, ""])
@pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer None"])
def test_without_a_token_nobody_sees_all(report: HealthReport, token: str | None, authorization: str) -> None:
    assert 403 == answer_all(report, "verbose", authorization, token).status


@pytest.mark.parametrize("query", ["", "verbose=0", "verbose=False", "verbose=no", "verbosely", "x=verbose"])
def test_who_does_not_ask_for_all_needs_no_token(report: HealthReport, query: str) -> None:
    found = answer_all(report, query, token=None)

    assert (200, {"statsd": {"delivered": 7, "dropped": {"refused": 1}}}) == (
        found.status,
        json.loads(found.body)["telemetry"],
    )


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_a_verdict_has_nothing_more_to_show(report: HealthReport, path: str) -> None:
    assert 200 == Probes(lambda: report).answer(Request("GET", path, "verbose")).status


def test_the_settings_may_be_read_by_the_report(report: HealthReport) -> None:
    known: list[str] = []

    def first() -> HealthReport:
        known.append(_TOKEN)
        return report

    probes = Probes(first, token=lambda: known[-1] if known else None)

    assert (
        200 == probes.answer(Request("GET", "/healthz", "verbose", authorization=f"Bearer {_TOKEN}")).status
    )


@pytest.mark.parametrize(
    ("accept", "open_metrics"),
    [
        ("", False),
        ("text/plain", False),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.3", True),
        ("application/openmetrics-text;q=0.3,text/plain;q=0.5", False),
    ],
)
def test_metrics_are_written_in_the_form_that_is_wanted(accept: str, open_metrics: bool) -> None:
    found = scrape(lambda wanted: (str(wanted).encode(), "text/odd"), accept)

    assert Answer(200, str(open_metrics).encode(), "text/odd", {"Vary": "Accept"}) == found


def test_metrics_without_what_they_need_name_it() -> None:
    found = scrape(lambda _: None)

    assert 501 == found.status
    assert "pip install queue-telemetry[prometheus]" in json.loads(found.body)["error"]


def test_metrics_that_fail_are_answered_without_a_word_of_why() -> None:
    def broken(open_metrics: bool) -> tuple[bytes, str]:
        raise RuntimeError("secret")

    assert (500, b'{"error":"metrics failed"}') == (scrape(broken).status, scrape(broken).body)


def test_probes_that_show_no_counts_ask_for_a_report_without_them(report: HealthReport) -> None:
    probes = Probes(_broken, verdict=lambda: report)

    assert [200, 200, 503] == [
        probes.answer(Request("GET", path)).status for path in ("/livez", "/readyz", "/healthz")
    ]
