"""The server of probes: what it answers, who serves, and how it ends."""

import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry.healthcheck import HealthReport, HealthServer, Probes, ServerAddress

MakeServer = Callable[..., HealthServer]


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
def test_requests_are_answered(
    client: Any, server: HealthServer, method: str, path: str, status: int
) -> None:
    assert status == client.get(server, path, method).status


def test_the_answer_to_a_long_body_arrives(client: Any, server: HealthServer) -> None:
    """Closing on what was not read would reset the connection under it."""
    assert 405 == client.get(server, "/healthz", "POST", b"x" * 60_000).status


def test_the_agent_is_told_one_line_unasked(client: Any, make_server: MakeServer) -> None:
    server = make_server(None, 0)

    assert b"up ready 83%\n" == client.read_all(client.connect(server, "agent"))


def test_an_agent_that_says_something_first_is_answered_too(client: Any, make_server: MakeServer) -> None:
    with client.connect(make_server(None, 0), "agent") as connection:
        connection.sendall(b"backend-1\n")
        assert b"up ready 83%\n" == client.read_all(connection)


def test_http_and_agent_are_served_together(client: Any, make_server: MakeServer) -> None:
    server = make_server(0, 0)

    assert b"up ready 83%\n" == client.read_all(client.connect(server, "agent"))
    assert 200 == client.get(server, "/livez").status


def test_a_report_that_fails_takes_the_agent_down(client: Any, make_server: MakeServer) -> None:
    def broken() -> HealthReport:
        raise RuntimeError("secret")

    assert b"down #report_failed\n" == client.read_all(
        client.connect(make_server(None, 0, probes=Probes(broken)), "agent")
    )


def test_a_closed_server_lets_go_of_port_and_clients(client: Any, make_server: MakeServer) -> None:
    server = make_server(0, 0)
    port = client.port_of(server)
    waiting = client.connect(server)

    assert server.close(5.0)

    assert b"" == client.read_all(waiting)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)
    assert (None, None) == (server.stats()["http"], server.stats()["agent"])
    assert server.close(5.0)


def test_a_server_that_never_started_closes(report: HealthReport) -> None:
    assert HealthServer(Probes(lambda: report), ServerAddress("127.0.0.1", 0, None)).close(0.0)


def test_a_close_does_not_wait_for_a_report(
    client: Any, make_server: MakeServer, report: HealthReport
) -> None:
    asked, goes_on = threading.Event(), threading.Event()

    def slow() -> HealthReport:
        asked.set()
        assert goes_on.wait(10)
        return report

    server = make_server(probes=Probes(slow))
    with client.connect(server) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\n\r\n")
        assert asked.wait(10)

        assert not server.close(0.01)

        goes_on.set()
        client.read_all(connection)
    client.wait_for(lambda: server.stats()["http"] is None)


def test_only_who_may_serve_opens_the_port(
    client: Any, make_server: MakeServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("queue_telemetry.healthcheck.server._TRY_AGAIN_S", 0.02)
    asked: list[bool] = []
    allowed = threading.Event()

    def may_serve() -> bool:
        asked.append(allowed.is_set())
        return asked[-1]

    server = make_server(may_serve=may_serve)
    client.wait_for(lambda: len(asked) >= 3)
    assert (None, 0, []) == (server.stats()["http"], server.stats()["failures"], caplog.records)

    allowed.set()
    assert 200 == client.get(server, "/livez").status


def test_a_server_that_is_closed_before_it_opened_its_port_never_serves(
    client: Any, make_server: MakeServer
) -> None:
    port = client.free_port()
    asked, goes_on, told = threading.Event(), threading.Event(), []

    def may_serve() -> bool:
        asked.set()
        told.append("asked")
        return goes_on.wait(10)

    server = make_server(port, may_serve=may_serve, leave=lambda: told.append("left"))
    assert asked.wait(10)
    assert not server.close(0.0)
    assert ["asked"] == told

    goes_on.set()
    client.wait_for(lambda: not server._loop.alive)

    assert ["asked", "left"] == told
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)


def test_a_server_that_cannot_serve_leaves_that_to_others_when_it_is_closed(
    client: Any, make_server: MakeServer
) -> None:
    asked, goes_on, left = threading.Event(), threading.Event(), threading.Event()

    def may_serve() -> bool:
        asked.set()
        goes_on.wait(10)
        raise OSError

    server = make_server(may_serve=may_serve, leave=left.set)
    assert asked.wait(10)
    server.close(0.0)
    goes_on.set()

    assert left.wait(10)


def test_a_child_has_no_copy_that_would_keep_the_port(client: Any, make_server: MakeServer) -> None:
    port = client.free_port()
    server = make_server(port)
    waiting = client.connect(server)
    client.wait_for(lambda: server._serving is not None and server._serving._connections)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(writing)
        server.forget()
        os.read(reading, 1)
        os._exit(0)
    try:
        os.close(reading)
        assert 200 == client.get(server, "/livez").status
        assert server.close(5.0)
        assert b"" == client.read_all(waiting)
        assert 200 == client.get(make_server(port), "/livez").status
    finally:
        os.close(writing)
        assert (child, 0) == os.waitpid(child, 0)
