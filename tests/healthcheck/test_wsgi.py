import json
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.util import setup_testing_defaults, shift_path_info
from wsgiref.validate import validator

import pytest

from queue_telemetry.healthcheck import HealthReport, HealthStatus, Probes, make_wsgi_app

Get = Callable[..., tuple[HTTPResponse, bytes]]


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the overridden name
        """Say nothing on the test's stderr."""


@contextmanager
def _served(application: WSGIApplication) -> Generator[Get]:
    """Serve behind the standard library's own checker, on a port of the system's choice."""
    with make_server("127.0.0.1", 0, validator(application), handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()

        def get(method: str, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
            connection = HTTPConnection("127.0.0.1", server.server_port, timeout=10)
            try:
                connection.request(method, path, headers=headers)
                response = connection.getresponse()
                return response, response.read()
            finally:
                connection.close()

        try:
            yield get
        finally:
            server.shutdown()
            thread.join(10)


@pytest.fixture
def reports(report: HealthReport) -> list[HealthReport]:
    """What the application reports: the last of these."""
    return [report]


@pytest.fixture
def get(reports: list[HealthReport]) -> Generator[Get]:
    with _served(
        make_wsgi_app(Probes(lambda: reports[-1], lambda _: (b"up 1\n", "text/plain"), lambda: "s3cret"))
    ) as served:
        yield served


def test_a_get_is_answered_with_json_that_nobody_caches(get: Get) -> None:
    response, body = get("GET", "/readyz")

    assert (200, "OK") == (response.status, response.reason)
    assert {"status": "healthy", "ready": True, "reasons": []} == json.loads(body)
    assert "application/json" == response.headers["Content-Type"]
    assert "no-store" == response.headers["Cache-Control"]
    assert str(len(body)) == response.headers["Content-Length"]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/metrics"])
def test_a_head_has_the_headers_of_a_get_and_no_body(get: Get, path: str) -> None:
    whole, body = get("GET", path)
    head, nothing = get("HEAD", path)

    assert b"" == nothing
    assert str(len(body)) == head.headers["Content-Length"]
    assert whole.status == head.status


def test_the_report_is_made_anew_for_each_request(get: Get, reports: list[HealthReport]) -> None:
    assert 200 == get("GET", "/healthz")[0].status

    reports.append(replace(reports[0], status=HealthStatus.DRAINING, ready=False, draining=True))

    response, body = get("GET", "/healthz")
    assert (503, "Service Unavailable") == (response.status, response.reason)
    assert "draining" == json.loads(body)["status"]


def test_an_unknown_path_is_not_found(get: Get) -> None:
    assert 404 == get("GET", "/")[0].status


def test_a_query_is_no_part_of_the_path(get: Get) -> None:
    assert 200 == get("GET", "/livez?verbose=1")[0].status


def test_another_method_is_told_which_ones_are_allowed(get: Get) -> None:
    response, _ = get("POST", "/healthz")

    assert (405, "GET, HEAD") == (response.status, response.headers["Allow"])


def test_metrics_are_served_beside(get: Get) -> None:
    response, body = get("GET", "/metrics")

    assert (200, "text/plain", b"up 1\n") == (response.status, response.headers["Content-Type"], body)


def test_the_query_and_the_authorization_are_heard(get: Get) -> None:
    assert 401 == get("GET", "/healthz?verbose")[0].status
    assert b"bad row N" in get("GET", "/healthz?verbose", Authorization="Bearer s3cret")[1]


def test_a_failing_report_is_answered_and_not_raised() -> None:
    def broken() -> HealthReport:
        raise RuntimeError("secret")

    with _served(make_wsgi_app(Probes(broken))) as get:
        response, body = get("GET", "/healthz")

        assert 503 == response.status
        assert b"secret" not in body


def test_it_works_under_a_prefix(report: HealthReport) -> None:
    probes = make_wsgi_app(Probes(lambda: report))

    def mount(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        assert "ops" == shift_path_info(environ)
        return probes(environ, start_response)

    with _served(mount) as get:
        assert 200 == get("GET", "/ops/livez")[0].status
        assert 404 == get("GET", "/ops/other")[0].status


def test_the_accept_header_is_heard(report: HealthReport) -> None:
    environ: dict[str, Any] = {"PATH_INFO": "/healthz", "HTTP_ACCEPT": "application/health+json"}
    setup_testing_defaults(environ)
    seen: list[tuple[str, dict[str, str]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
        seen.append((status, dict(headers)))
        return lambda data: None

    body = b"".join(make_wsgi_app(Probes(lambda: report))(environ, start_response))

    assert [report.as_health_json()] == [body]
    assert ("200 OK", "application/health+json") == (seen[0][0], seen[0][1]["Content-Type"])
