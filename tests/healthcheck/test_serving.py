"""One thread for all clients, and none of them holds up another."""

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry.healthcheck import HealthReport, HealthServer, Probes
from queue_telemetry.healthcheck._serving import _MAX_CONNECTIONS

MakeServer = Callable[..., HealthServer]


def test_a_request_may_come_byte_by_byte(client: Any, server: HealthServer) -> None:
    with client.connect(server) as connection:
        for byte in b"GET /livez HTTP/1.1\r\n\r\n":
            connection.sendall(bytes([byte]))
        response = client.read_all(connection)

    assert response.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_large_answer_arrives_whole(client: Any, make_server: MakeServer, report: HealthReport) -> None:
    text = b"x" * 8_000_000
    server = make_server(probes=Probes(lambda: report, lambda _: (text, "text/plain")))

    with client.connect(server) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert text == client.read_all(connection).partition(b"\r\n\r\n")[2]


def test_metrics_that_take_their_time_hold_up_no_verdict(
    client: Any, make_server: MakeServer, report: HealthReport
) -> None:
    asked, goes_on = threading.Event(), threading.Event()

    def slow(open_metrics: bool) -> tuple[bytes, str]:
        asked.set()
        assert goes_on.wait(10)
        return b"up 1\n", "text/plain"

    server = make_server(probes=Probes(lambda: report, slow))
    with client.connect(server) as one, client.connect(server) as other:
        for connection in (one, other):
            connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert asked.wait(10)

        assert 200 == client.get(server, "/livez").status

        goes_on.set()
        assert [b"up 1\n"] * 2 == [client.read_all(each).partition(b"\r\n\r\n")[2] for each in (one, other)]


def test_metrics_that_take_too_long_are_given_up(
    client: Any, make_server: MakeServer, report: HealthReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_telemetry.healthcheck._serving._WORK_S", 0.05)
    goes_on = threading.Event()

    def slow(open_metrics: bool) -> tuple[bytes, str]:
        assert goes_on.wait(10)
        return b"", "text/plain"

    server = make_server(probes=Probes(lambda: report, slow))
    with client.connect(server) as connection:
        connection.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert b"" == client.read_all(connection)

    goes_on.set()
    assert 200 == client.get(server, "/livez").status


def test_slow_clients_hold_nobody_up(client: Any, server: HealthServer) -> None:
    slow = [client.connect(server) for _ in range(_MAX_CONNECTIONS - 1)]
    try:
        for connection in slow:
            connection.sendall(b"GET /live")
        assert 200 == client.get(server, "/livez").status
    finally:
        for connection in slow:
            connection.close()


def test_of_too_many_connections_the_oldest_makes_room(client: Any, server: HealthServer) -> None:
    oldest = client.connect(server)
    more = [client.connect(server) for _ in range(_MAX_CONNECTIONS)]
    try:
        assert 200 == client.get(server, "/livez").status
        assert b"" == client.read_all(oldest)
        client.wait_for(lambda: server.stats()["cut"])
    finally:
        for connection in more:
            connection.close()


def test_who_takes_too_long_is_cut(
    client: Any, server: HealthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_telemetry.healthcheck._serving._CONNECTION_S", 0.05)

    with client.connect(server) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\n")
        assert b"" == client.read_all(connection)
    assert 1 == server.stats()["cut"]


def test_who_is_gone_again_does_no_harm(client: Any, server: HealthServer) -> None:
    for sent in (b"", b"GET", b"GET /healthz HTTP/1.1\r\n\r\n"):
        connection = client.connect(server)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # closes with a reset
        connection.sendall(sent)
        connection.close()

    assert 200 == client.get(server, "/livez").status


def test_many_ask_at_once(client: Any, server: HealthServer) -> None:
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: statuses.extend(client.get(server, "/livez").status for _ in range(10))
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [200] * 80 == statuses
    client.wait_for(lambda: server.stats()["answered"] == 80)
