import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse

import pytest

from queue_telemetry._runtime import log
from queue_telemetry.healthcheck import HealthReport, HealthServer, Probes, ServerAddress
from queue_telemetry.healthcheck._serving import _MAX_CONNECTIONS

MakeServer = Callable[..., HealthServer]


def wait_for(condition: Callable[[], object], seconds: float = 10.0) -> None:
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def port_of(server: HealthServer, kind: str = "http") -> int:
    wait_for(lambda: server.stats()[kind])
    return int(str(server.stats()[kind]).rpartition(":")[2])


def connect(server: HealthServer, kind: str = "http") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(server, kind)), timeout=10)


def read_all(connection: socket.socket) -> bytes:
    with connection, connection.makefile("rb") as stream:
        return stream.read()


def get(server: HealthServer, path: str, method: str = "GET", body: bytes | None = None) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", port_of(server), timeout=10)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        response.read()
    finally:
        connection.close()
    return response


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture(autouse=True)
def _own_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test hears what is said once a minute."""
    monkeypatch.setattr(log, "_last", {})


@pytest.fixture
def make_server(report: HealthReport) -> Iterator[MakeServer]:
    made: list[HealthServer] = []

    def make(
        port: int | None = 0,
        agent_port: int | None = None,
        *,
        host: str = "127.0.0.1",
        probes: Probes | None = None,
        may_serve: Callable[[], bool] = lambda: True,
    ) -> HealthServer:
        address = ServerAddress(host, port, agent_port)
        server = HealthServer(probes or Probes(lambda: report), address, may_serve=may_serve)
        made.append(server)
        assert server.start()
        return server

    yield make
    for server in made:
        assert server.close(5.0)


@pytest.fixture
def server(make_server: MakeServer) -> HealthServer:
    return make_server()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("HEAD", "/healthz", 200),
        ("GET", "/other", 404),
        ("POST", "/healthz", 405),
    ],
)
def test_requests_are_answered(server: HealthServer, method: str, path: str, status: int) -> None:
    assert status == get(server, path, method).status


def test_the_answer_to_a_long_body_arrives(server: HealthServer) -> None:
    """Closing on what was not read would reset the connection under it."""
    assert 405 == get(server, "/healthz", "POST", b"x" * 60_000).status


def test_a_request_may_come_byte_by_byte(server: HealthServer) -> None:
    with connect(server) as connection:
        for byte in b"GET /livez HTTP/1.1\r\n\r\n":
            connection.sendall(bytes([byte]))
        response = read_all(connection)

    assert response.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_large_answer_arrives_whole(make_server: MakeServer, report: HealthReport) -> None:
    text = b"x" * 8_000_000
    server = make_server(probes=Probes(lambda: report, lambda _: (text, "text/plain")))

    with connect(server) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert text == read_all(connection).partition(b"\r\n\r\n")[2]


def test_metrics_that_take_their_time_hold_up_no_verdict(
    make_server: MakeServer, report: HealthReport
) -> None:
    asked, goes_on = threading.Event(), threading.Event()

    def slow(open_metrics: bool) -> tuple[bytes, str]:
        asked.set()
        assert goes_on.wait(10)
        return b"up 1\n", "text/plain"

    server = make_server(probes=Probes(lambda: report, slow))
    with connect(server) as one, connect(server) as other:
        for connection in (one, other):
            connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert asked.wait(10)

        assert 200 == get(server, "/livez").status

        goes_on.set()
        assert [b"up 1\n"] * 2 == [read_all(each).partition(b"\r\n\r\n")[2] for each in (one, other)]


def test_metrics_that_take_too_long_are_given_up(
    make_server: MakeServer, report: HealthReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_telemetry.healthcheck._serving._WORK_S", 0.05)
    goes_on = threading.Event()

    def slow(open_metrics: bool) -> tuple[bytes, str]:
        assert goes_on.wait(10)
        return b"", "text/plain"

    server = make_server(probes=Probes(lambda: report, slow))
    with connect(server) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert b"" == read_all(connection)

    goes_on.set()
    assert 200 == get(server, "/livez").status


def test_the_agent_is_told_one_line_unasked(make_server: MakeServer) -> None:
    server = make_server(None, 0)

    assert b"up ready 83%\n" == read_all(connect(server, "agent"))


def test_an_agent_that_says_something_first_is_answered_too(make_server: MakeServer) -> None:
    with connect(make_server(None, 0), "agent") as connection:
        connection.sendall(b"backend-1\n")
        assert b"up ready 83%\n" == read_all(connection)


def test_http_and_agent_are_served_together(make_server: MakeServer) -> None:
    server = make_server(0, 0)

    assert b"up ready 83%\n" == read_all(connect(server, "agent"))
    assert 200 == get(server, "/livez").status


def test_a_report_that_fails_takes_the_agent_down(make_server: MakeServer) -> None:
    def broken() -> HealthReport:
        raise RuntimeError("secret")

    assert b"down #report_failed\n" == read_all(connect(make_server(None, 0, probes=Probes(broken)), "agent"))


def test_slow_clients_hold_nobody_up(server: HealthServer) -> None:
    slow = [connect(server) for _ in range(_MAX_CONNECTIONS - 1)]
    try:
        for connection in slow:
            connection.sendall(b"GET /live")
        assert 200 == get(server, "/livez").status
    finally:
        for connection in slow:
            connection.close()


def test_of_too_many_connections_the_oldest_makes_room(server: HealthServer) -> None:
    oldest = connect(server)
    more = [connect(server) for _ in range(_MAX_CONNECTIONS)]
    try:
        assert 200 == get(server, "/livez").status
        assert b"" == read_all(oldest)
        wait_for(lambda: server.stats()["cut"])
    finally:
        for connection in more:
            connection.close()


def test_who_takes_too_long_is_cut(server: HealthServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_telemetry.healthcheck._serving._CONNECTION_S", 0.05)

    with connect(server) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\n")
        assert b"" == read_all(connection)
    assert 1 == server.stats()["cut"]


def test_who_is_gone_again_does_no_harm(server: HealthServer) -> None:
    for sent in (b"", b"GET", b"GET /healthz HTTP/1.1\r\n\r\n"):
        connection = connect(server)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closes with a reset
        connection.sendall(sent)
        connection.close()

    assert 200 == get(server, "/livez").status


def test_many_ask_at_once(server: HealthServer) -> None:
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.extend(get(server, "/livez").status for _ in range(10)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [200] * 80 == statuses
    wait_for(lambda: server.stats()["answered"] == 80)


def test_a_closed_server_lets_go_of_port_and_clients(make_server: MakeServer) -> None:
    server = make_server(0, 0)
    port = port_of(server)
    waiting = connect(server)

    assert server.close(5.0)

    assert b"" == read_all(waiting)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)
    assert (None, None) == (server.stats()["http"], server.stats()["agent"])
    assert server.close(5.0)


def test_a_server_that_never_started_closes(report: HealthReport) -> None:
    assert HealthServer(Probes(lambda: report), ServerAddress("127.0.0.1", 0, None)).close(0.0)


def test_a_close_does_not_wait_for_a_report(make_server: MakeServer, report: HealthReport) -> None:
    asked, goes_on = threading.Event(), threading.Event()

    def slow() -> HealthReport:
        asked.set()
        assert goes_on.wait(10)
        return report

    server = make_server(probes=Probes(slow))
    with connect(server) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
        assert asked.wait(10)

        assert not server.close(0.01)

        goes_on.set()
        read_all(connection)
    wait_for(lambda: server.stats()["http"] is None)


def test_a_taken_port_is_said_aloud_once_and_taken_over_when_free(
    make_server: MakeServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_telemetry.healthcheck.server._TRY_AGAIN_S", 0.02)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = int(holder.getsockname()[1])
        server = make_server(port)
        wait_for(lambda: int(str(server.stats()["failures"])) >= 3)

    wait_for(lambda: server.stats()["http"])

    assert 200 == get(server, "/livez").status
    said = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [f"HEALTH_PORT={port}: cannot listen on 127.0.0.1: Address already in use"] == [
        record.getMessage().partition(";")[0] for record in said
    ]


def test_one_port_is_served_while_the_other_is_taken(make_server: MakeServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        server = make_server(0, int(holder.getsockname()[1]))

        assert 200 == get(server, "/livez").status
        assert (None, 1) == (server.stats()["agent"], server.stats()["failures"])


def test_a_host_that_is_not_this_one_is_said(
    make_server: MakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server = make_server(host="192.0.2.1")

    wait_for(lambda: server.stats()["failures"])
    wait_for(lambda: caplog.records)
    assert "cannot listen on 192.0.2.1" in caplog.text


def test_only_who_may_serve_opens_the_port(
    make_server: MakeServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("queue_telemetry.healthcheck.server._TRY_AGAIN_S", 0.02)
    asked: list[bool] = []
    allowed = threading.Event()

    def may_serve() -> bool:
        asked.append(allowed.is_set())
        return asked[-1]

    server = make_server(may_serve=may_serve)
    wait_for(lambda: len(asked) >= 3)
    assert (None, 0, []) == (server.stats()["http"], server.stats()["failures"], caplog.records)

    allowed.set()
    assert 200 == get(server, "/livez").status


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_an_address_of_the_sixth_version_is_served(make_server: MakeServer) -> None:
    server = make_server(host="::1")
    wait_for(lambda: server.stats()["http"])

    host, _, port = str(server.stats()["http"]).rpartition(":")
    with socket.create_connection(("::1", int(port)), timeout=10) as connection:
        connection.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert ("[::1]", b"HTTP/1.1 200 OK") == (host, read_all(connection)[:15])


def test_a_child_has_no_copy_that_would_keep_the_port(make_server: MakeServer) -> None:
    port = free_port()
    server = make_server(port)
    waiting = connect(server)
    wait_for(lambda: server._serving is not None and server._serving._connections)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(writing)
        server.forget()
        os.read(reading, 1)
        os._exit(0)
    try:
        os.close(reading)
        assert 200 == get(server, "/livez").status
        assert server.close(5.0)
        assert b"" == read_all(waiting)
        assert 200 == get(make_server(port), "/livez").status
    finally:
        os.close(writing)
        assert (child, 0) == os.waitpid(child, 0)
