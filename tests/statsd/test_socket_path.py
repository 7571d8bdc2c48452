import socket

import pytest

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.statsd._socket_path import parse_socket_path

ANY = (socket.SOCK_DGRAM, socket.SOCK_STREAM)


@pytest.mark.parametrize(
    ("text", "path", "kinds"),
    [
        ("/var/run/datadog/dsd.socket", "/var/run/datadog/dsd.socket", ANY),
        ("unix:///dsd.socket", "/dsd.socket", ANY),
        ("unixgram:///dsd.socket", "/dsd.socket", (socket.SOCK_DGRAM,)),
        ("unixstream:///dsd.socket", "/dsd.socket", (socket.SOCK_STREAM,)),
        ("/" + "x" * 102, "/" + "x" * 102, ANY),
    ],
)
def test_path_or_url_is_read(text: str, path: str, kinds: tuple[socket.SocketKind, ...]) -> None:
    assert parse_socket_path(text) == (path, kinds)


@pytest.mark.parametrize(
    "text",
    ["", "dsd.socket", "unix://dsd.socket", "udp://h:1", "tcp:///x", "/a\0b", "/" + "x" * 103, "unix://"],
)
def test_what_is_no_socket_is_named(text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_socket_path(text)

    assert str(raised.value).startswith(f"STATSD_SOCKET is {text!r}; it must be the absolute path")
