import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.healthcheck import HealthReport, Probes
from queue_telemetry.healthcheck._answer import Answer, Request
from queue_telemetry.healthcheck._http import read_head, respond, write_answer


def _no_report() -> HealthReport:
    raise AssertionError


_PROBES = Probes(_no_report)


@pytest.mark.parametrize(
    ("head", "request_"),
    [
        (b"GET /livez HTTP/1.1", Request("GET", "/livez")),
        (b"HEAD /readyz HTTP/1.0", Request("HEAD", "/readyz")),
        (b"GET /healthz?verbose=1&x HTTP/1.1", Request("GET", "/healthz", "verbose=1&x")),
        (b"GET /%6Civez HTTP/1.1", Request("GET", "/livez")),
        (b"GET http://h1:8081/livez?a HTTP/1.1", Request("GET", "/livez", "a")),
        (
            b"GET / HTTP/1.1\r\nHost: h\r\nACCEPT: a/b\r\naccept:c/d \r\nAuthorization: Bearer x:y",
            Request("GET", "/", "", "a/b, c/d", "Bearer x:y"),
        ),
        (b"GET / HTTP/1.1\nAccept: a/b", Request("GET", "/", "", "a/b")),
        (b"OPTIONS * HTTP/1.0", Request("OPTIONS", "*")),
    ],
)
def test_a_head_is_read(head: bytes, request_: Request) -> None:
    assert request_ == read_head(head)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET /livez",
        b"GET /livez HTTP/2.0",
        b"GET  /livez HTTP/1.1",
        b"G T /livez HTTP/1.1",
        b"\x16\x03\x01",
    ],
)
def test_what_is_no_head_is_none(head: bytes) -> None:
    assert None is read_head(head)


def test_a_request_that_has_not_come_whole_is_waited_for() -> None:
    request = b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n"

    assert {None} == {respond(_PROBES, request[:length]) for length in range(len(request) - 1)}


def test_a_response_is_written_to_the_byte(report: HealthReport) -> None:
    response = respond(Probes(lambda: report), b"GET /livez HTTP/1.1\r\n\r\n")

    assert isinstance(response, bytes)
    body = b'{"status":"healthy","live":true,"reasons":[]}'
    assert (
        b"HTTP/1.1 200 OK\r\n"
        b"Content-Type: application/json\r\n"
        b"Content-Length: 45\r\n"
        b"Cache-Control: no-store\r\n"
        b"X-Content-Type-Options: nosniff\r\n"
        b"Date: DATE\r\n"
        b"Connection: close\r\n\r\n" + body
    ) == re.sub(rb"Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", b"Date: DATE", response)


def test_metrics_are_written_by_whoever_has_the_time(report: HealthReport) -> None:
    asked: list[bool] = []

    def metrics(open_metrics: bool) -> tuple[bytes, str]:
        asked.append(open_metrics)
        return b"up 1\n", "text/plain"

    probes = Probes(lambda: report, metrics)

    work = respond(probes, b"GET /metrics HTTP/1.1\r\n\r\n")

    assert callable(work)
    assert [] == asked
    assert work().endswith(b"\r\n\r\nup 1\n")


def test_a_head_is_answered_without_a_body() -> None:
    response = write_answer(Answer(200, b"abc"), "HEAD")

    assert response.endswith(b"\r\n\r\n")
    assert b"Content-Length: 3\r\n" in response


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /livez HTTP/3\r\n\r\n", 400),
        (b"GET /" + b"a" * 8192, 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 2000 + b"\r\n", 431),
        (b"POST /livez HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405),
        (b"GET /" + b"a" * 8000 + b" HTTP/1.1\r\n\r\n", 404),
    ],
)
def test_what_cannot_be_served_is_refused_without_an_echo(request_: bytes, status: int) -> None:
    response = respond(_PROBES, request_)

    assert isinstance(response, bytes)
    head, _, body = response.partition(b"\r\n\r\n")
    assert f"HTTP/1.1 {status} " == head[:13].decode()
    assert {"error"} == json.loads(body).keys()
    assert b"aaa" not in response


@given(st.binary(max_size=400))
def test_no_bytes_are_too_odd(received: bytes) -> None:
    response = respond(_PROBES, received)

    assert response is None or (isinstance(response, bytes) and response.startswith(b"HTTP/1.1 4"))
