import asyncio
import json
import threading
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from queue_telemetry.healthcheck import HealthReport, HealthStatus, Probes, make_asgi_app

Message = dict[str, Any]


def exchange(probes: Probes, scope: Message, *received: Message) -> list[Message]:
    """Run the application on one scope, on asyncio."""
    sent: list[Message] = []
    asyncio.run(_call(probes, scope, list(received), sent))
    return sent


def _call(
    probes: Probes, scope: Message, received: list[Message], sent: list[Message]
) -> Coroutine[Any, Any, None]:
    async def receive() -> Message:
        return received.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        await make_asgi_app(probes)(scope, receive, send)

    return run()


def http(path: str, method: str = "GET", query: bytes = b"", **headers: str) -> Message:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": pairs,
    }


def get(probes: Probes, scope: Message) -> tuple[int, dict[str, str], bytes]:
    start, body = exchange(probes, scope)
    assert ("http.response.start", "http.response.body") == (start["type"], body["type"])
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], headers, body["body"]


@pytest.fixture
def probes(report: HealthReport) -> Probes:
    return Probes(lambda: report, lambda _: (b"up 1\n", "text/plain"), lambda: "s3cret")


def test_a_get_is_answered(probes: Probes) -> None:
    status, headers, body = get(probes, http("/readyz"))

    assert (200, {"status": "healthy", "ready": True, "reasons": []}) == (status, json.loads(body))
    assert {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
    } == headers


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/metrics", "/other"])
def test_a_head_has_the_headers_of_a_get_and_no_body(probes: Probes, path: str) -> None:
    whole, head = get(probes, http(path)), get(probes, http(path, "HEAD"))

    assert (*whole[:2], b"") == head


def test_a_verdict_decides_the_status(report: HealthReport) -> None:
    draining = replace(report, status=HealthStatus.DRAINING, ready=False, draining=True)

    assert 503 == get(Probes(lambda: draining), http("/readyz"))[0]


def test_another_method_is_not_allowed(probes: Probes) -> None:
    status, headers, _ = get(probes, http("/healthz", "POST"))

    assert (405, "GET, HEAD") == (status, headers["allow"])


@pytest.mark.parametrize(
    ("root", "path", "status"),
    [
        ("", "/livez", 200),
        ("/ops", "/ops/livez", 200),
        ("/ops/", "/ops/livez", 200),
        ("/ops", "/livez", 200),
        ("/live", "/livez", 200),
        ("/ops", "/ops/other", 404),
        ("/ops", "/ops", 404),
    ],
)
def test_it_works_under_a_prefix(probes: Probes, root: str, path: str, status: int) -> None:
    """Older servers leave the prefix out of the path, newer ones do not."""
    assert status == get(probes, {**http(path), "root_path": root})[0]


def test_headers_are_heard(probes: Probes, report: HealthReport) -> None:
    accept = get(probes, http("/healthz", accept="application/health+json"))
    verbose = get(probes, http("/healthz", query=b"verbose", authorization="Bearer s3cret"))

    assert report.as_health_json() == accept[2]
    assert report.as_dict() == json.loads(verbose[2])
    assert 401 == get(probes, http("/healthz", query=b"verbose"))[0]


def test_a_header_that_comes_twice_counts_as_one_list(probes: Probes) -> None:
    scope = http("/healthz")
    scope["headers"] = [(b"accept", b"text/html"), (b"accept", b"application/health+json")]

    assert "application/health+json" == get(probes, scope)[1]["content-type"]


def test_verdicts_are_made_on_the_loop_and_metrics_beside_it(report: HealthReport) -> None:
    threads: dict[str, int] = {}

    def verdict() -> HealthReport:
        threads["verdict"] = threading.get_ident()
        return report

    def metrics(open_metrics: bool) -> tuple[bytes, str]:
        threads["metrics"] = threading.get_ident()
        return b"", "text/plain"

    for path in ("/healthz", "/metrics"):
        get(Probes(verdict, metrics), http(path))

    assert threading.get_ident() == threads["verdict"] != threads["metrics"]


def test_metrics_are_written_on_any_event_loop(probes: Probes) -> None:
    """Driven by hand: no loop of asyncio's runs here."""
    sent: list[Message] = []
    with pytest.raises(StopIteration):
        _call(probes, http("/metrics"), [], sent).send(None)

    assert b"up 1\n" == sent[1]["body"]


def test_a_lifespan_is_acknowledged(probes: Probes) -> None:
    sent = exchange(probes, {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})

    assert [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}] == sent


def test_a_websocket_is_refused(probes: Probes) -> None:
    sent = exchange(probes, {"type": "websocket", "path": "/healthz"}, {"type": "websocket.connect"})

    assert ["websocket.close"] == [message["type"] for message in sent]


def test_a_protocol_that_is_not_known_is_an_error(probes: Probes) -> None:
    """As the specification has it."""
    with pytest.raises(NotImplementedError, match="webtransport"):
        exchange(probes, {"type": "webtransport"})


def test_a_failing_report_is_answered_and_not_raised() -> None:
    def broken() -> HealthReport:
        raise RuntimeError("secret")

    status, _, body = get(Probes(broken), http("/healthz"))

    assert (503, False) == (status, b"secret" in body)
