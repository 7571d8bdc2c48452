"""A port that another program has, or another process had."""

import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry.healthcheck import HealthServer

MakeServer = Callable[..., HealthServer]


def test_a_taken_port_is_said_aloud_once_and_taken_over_when_free(
    client: Any, make_server: MakeServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_telemetry.healthcheck.server._TRY_AGAIN_S", 0.02)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = int(holder.getsockname()[1])
        server = make_server(port)
        client.wait_for(lambda: int(str(server.stats()["failures"])) >= 3)

    client.wait_for(lambda: server.stats()["http"])

    assert 200 == client.get(server, "/livez").status
    said = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [f"HEALTH_PORT={port}: cannot listen on 127.0.0.1: Address already in use"] == [
        record.getMessage().partition(";")[0] for record in said
    ]


def test_one_port_is_served_while_the_other_is_taken(client: Any, make_server: MakeServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        server = make_server(0, int(holder.getsockname()[1]))

        assert 200 == client.get(server, "/livez").status
        assert (None, 1) == (server.stats()["agent"], server.stats()["failures"])


def test_a_host_that_is_not_this_one_is_said(
    client: Any, make_server: MakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server = make_server(host="192.0.2.1")

    client.wait_for(lambda: server.stats()["failures"])
    client.wait_for(lambda: caplog.records)
    assert "cannot listen on 192.0.2.1" in caplog.text


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_an_address_of_the_sixth_version_is_served(client: Any, make_server: MakeServer) -> None:
    server = make_server(host="::1")
    client.wait_for(lambda: server.stats()["http"])

    host, _, port = str(server.stats()["http"]).rpartition(":")
    with socket.create_connection(("::1", int(port)), timeout=10) as connection:
        connection.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        assert ("[::1]", b"HTTP/1.1 200 OK") == (host, client.read_all(connection)[:15])
