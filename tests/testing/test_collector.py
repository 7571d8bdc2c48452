"""The collector takes real requests, answers by its script, and ends without a thread or a socket left."""

import contextlib
import gzip
import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest

from queue_telemetry.testing._collector import Collector

NO_HEADERS: Mapping[str, str] = {}
RECORD = b'{"a":1}\n'


@pytest.fixture
def client(collector: Collector) -> Iterator[http.client.HTTPConnection]:
    with connect(collector) as client:
        yield client


@contextlib.contextmanager
def connect(collector: Collector) -> Iterator[http.client.HTTPConnection]:
    url = urlsplit(collector.url)
    client = http.client.HTTPConnection(url.hostname or "", url.port, timeout=5)
    try:
        yield client
    finally:
        client.close()


def post(
    client: http.client.HTTPConnection, body: bytes = RECORD, headers: Mapping[str, str] = NO_HEADERS
) -> http.client.HTTPResponse:
    client.request("POST", "/logs", body, dict(headers))
    response = client.getresponse()
    response.read()
    return response


def test_records_are_kept_by_batch(collector: Collector, client: http.client.HTTPConnection) -> None:
    post(client, b'{"a":1}\n{"a":2}\n')
    post(client, b'{"a":3}\n')

    assert [[{"a": 1}, {"a": 2}], [{"a": 3}]] == collector.batches
    assert [{"a": 1}, {"a": 2}, {"a": 3}] == collector.records


def test_a_gzip_body_is_read(collector: Collector, client: http.client.HTTPConnection) -> None:
    body = gzip.compress(RECORD)

    assert 200 == post(client, body, {"Content-Encoding": "gzip"}).status
    assert [{"a": 1}] == collector.records
    assert len(body) == collector.requests[0].body_bytes


def test_a_request_is_kept_as_it_came(collector: Collector, client: http.client.HTTPConnection) -> None:
    post(client, headers={"Authorization": "Bearer t", "Content-Type": "application/x-ndjson"})

    (request,) = collector.requests
    assert ("POST", "/logs", 8, 200) == (request.method, request.path, request.body_bytes, request.status)
    assert ("Bearer t", "application/x-ndjson") == (
        request.headers["authorization"],
        request.headers["content-type"],
    )


def test_scripted_answers_come_in_order_and_then_200(
    collector: Collector, client: http.client.HTTPConnection
) -> None:
    collector.answer(503, 429)
    collector.answer(202)

    assert [503, 429, 202, 200] == [post(client).status for _ in range(4)]
    assert [503, 429, 202, 200] == [request.status for request in collector.requests]


def test_records_of_a_refused_request_are_not_kept(
    collector: Collector, client: http.client.HTTPConnection
) -> None:
    collector.answer(503)
    post(client, b'{"refused":1}\n')
    post(client)

    assert [{"a": 1}] == collector.records


def test_scripted_headers_are_sent(collector: Collector, client: http.client.HTTPConnection) -> None:
    collector.answer(429, headers={"Retry-After": "7"})

    assert "7" == post(client).headers["Retry-After"]
    assert "Retry-After" not in post(client).headers


def test_an_answer_can_be_late(collector: Collector, client: http.client.HTTPConnection) -> None:
    collector.answer(200, delay_s=60)
    client.timeout = 0.05

    with pytest.raises(TimeoutError):
        post(client)
    assert [] == collector.requests


def test_a_connection_can_be_closed_without_an_answer(collector: Collector) -> None:
    collector.hang_up()
    with connect(collector) as client, pytest.raises(http.client.RemoteDisconnected):
        post(client)
    with connect(collector) as client:
        post(client)

    assert [None, 200] == [request.status for request in collector.requests]
    assert [{"a": 1}] == collector.records


def test_a_connection_is_kept(collector: Collector, client: http.client.HTTPConnection) -> None:
    collector.answer(200, 503, 204)
    for _ in range(4):
        post(client)

    assert [1, 1, 1, 1] == [request.connection for request in collector.requests]


def test_connections_are_told_apart(collector: Collector) -> None:
    with connect(collector) as first, connect(collector) as second:
        post(first)
        post(second)

    assert {1, 2} == {request.connection for request in collector.requests}


def test_a_malformed_line_refuses_the_whole_request(
    collector: Collector, client: http.client.HTTPConnection
) -> None:
    assert 400 == post(client, b'{"a":1}\n[]\n').status
    assert [] == collector.records
    assert [(b"[]", "not an object: list")] == collector.refused
    assert [400] == [request.status for request in collector.requests]


def test_a_redirect_that_was_followed_shows(collector: Collector, client: http.client.HTTPConnection) -> None:
    client.request("GET", "/elsewhere")

    assert 405 == client.getresponse().status
    assert [("GET", "/elsewhere")] == [(request.method, request.path) for request in collector.requests]


def test_a_body_of_unknown_length_is_refused(
    collector: Collector, client: http.client.HTTPConnection
) -> None:
    client.putrequest("POST", "/logs")
    client.putheader("Transfer-Encoding", "chunked")
    client.endheaders()

    assert 411 == client.getresponse().status
    assert [] == collector.records


def test_a_body_that_was_cut_is_not_kept(collector: Collector) -> None:
    url = urlsplit(collector.url)
    with socket.create_connection((url.hostname, url.port)) as client:
        client.sendall(b"POST /logs HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\n" + RECORD)
        client.shutdown(socket.SHUT_WR)
        assert b"" == client.recv(1)

    assert [] == collector.requests
    assert [] == collector.records


def test_waiting_wakes_for_a_request_from_another_thread(
    collector: Collector, client: http.client.HTTPConnection
) -> None:
    sender = threading.Timer(0.01, post, (client,))
    sender.start()

    assert collector.wait_until(lambda: len(collector.records) == 1)
    sender.join()


def test_waiting_ends_when_nothing_fits(collector: Collector) -> None:
    assert not collector.wait_until(lambda: bool(collector.records), timeout_s=0.01)


def test_closing_cuts_idle_connections_and_late_answers() -> None:
    with contextlib.ExitStack() as stack:
        with Collector() as collector:
            idle = stack.enter_context(connect(collector))
            post(idle)
            waiting = stack.enter_context(connect(collector))
            collector.answer(200, delay_s=60)
            waiting.request("POST", "/logs", RECORD)
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            waiting.getresponse()
        assert idle.sock is not None
        assert b"" == idle.sock.recv(1)


def test_closing_twice_and_closing_unstarted_is_fine() -> None:
    with Collector() as collector:
        pass
    collector.close()

    Collector().close()
