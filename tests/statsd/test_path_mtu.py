import socket
import sys
from typing import Any

import pytest

from queue_telemetry.statsd import DIALECTS, StatsClient
from queue_telemetry.statsd._path_mtu import payload_bytes_of


class Connected:
    """A socket to a path of a given MTU."""

    def __init__(self, family: socket.AddressFamily, mtu_bytes: int | None) -> None:
        self.family = family
        self._mtu_bytes = mtu_bytes

    def getsockopt(self, level: int, option: int) -> int:
        right = (socket.IPPROTO_IPV6, 24) if self.family == socket.AF_INET6 else (socket.IPPROTO_IP, 14)
        assert (level, option) == right
        if self._mtu_bytes is None:
            raise OSError
        return self._mtu_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
@pytest.mark.parametrize(
    ("family", "mtu_bytes", "payload_bytes"),
    [
        (socket.AF_INET, 1400, 1372),
        (socket.AF_INET, 1450, 1422),
        (socket.AF_INET, 1500, 1432),
        (socket.AF_INET, 9001, 1432),
        (socket.AF_INET, 65_535, 5000),
        (socket.AF_INET, None, 1432),
        (socket.AF_INET, 68, 64),
        (socket.AF_INET6, 1280, 1232),
        (socket.AF_INET6, 1500, 1432),
        (socket.AF_INET6, 65_536, 5000),
    ],
)
def test_datagram_fits_the_path(
    family: socket.AddressFamily, mtu_bytes: int | None, payload_bytes: int
) -> None:
    connected: Any = Connected(family, mtu_bytes)

    assert payload_bytes_of(connected, 5000) == payload_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
@pytest.mark.parametrize(("dialect", "limit"), [("statsd", 3600), ("graphite", 3600), ("datadog", 8192)])
def test_datagrams_on_this_host_are_as_large_as_a_receiver_of_the_dialect_takes(
    receiver: Any, dialect: str, limit: int
) -> None:
    client = StatsClient("127.0.0.1", receiver.port, dialect=DIALECTS[dialect])
    with client.pipeline() as pipe:
        for number in range(1000):
            pipe.incr(f"jobs.n{number:04}")  # 14 bytes and a newline
    client.close()

    assert len(receiver.take(1)[0]) in range(limit - 15, limit + 1)


@pytest.mark.parametrize(("dialect", "limit"), [("statsd", 3600), ("datadog", 8192)])
def test_payloads_for_a_unix_socket_are_as_large(dialect: str, limit: int) -> None:
    assert StatsClient(socket_path="/nowhere", dialect=DIALECTS[dialect])._maxudpsize == limit


def test_size_that_was_set_wins(receiver: Any) -> None:
    client = StatsClient("127.0.0.1", receiver.port, None, 100)
    with client.pipeline() as pipe:
        for _ in range(30):
            pipe.incr("jobs.n0000")
    client.close()

    assert len(receiver.take(1)[0]) == 6 * 15 - 1


def test_size_is_the_default_while_no_address_is_known() -> None:
    client = StatsClient("statsd.invalid")

    assert client._maxudpsize == 1432
    client.close()
