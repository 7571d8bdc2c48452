import contextlib
import os
import socket
import struct
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from queue_telemetry._runtime import DropReason
from queue_telemetry.statsd._socket_path import parse_socket_path
from queue_telemetry.statsd._transport import BUSY, SendOutcome
from queue_telemetry.statsd._unix_transport import UnixTransport

Listen = Callable[[socket.SocketKind], socket.socket]
Connect = Callable[..., UnixTransport]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dsd.socket"


@pytest.fixture
def listen(path: Path) -> Generator[Listen]:
    """Start an agent's socket, in the place of the one before."""
    with contextlib.ExitStack() as stack:

        def listen(kind: socket.SocketKind) -> socket.socket:
            path.unlink(missing_ok=True)
            sock = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
            sock.bind(str(path))
            sock.settimeout(5)
            if kind == socket.SOCK_STREAM:
                sock.listen(4)
            return sock

        yield listen


@pytest.fixture
def connect(path: Path) -> Generator[Connect]:
    made: list[UnixTransport] = []

    def connect(scheme: str = "unix://") -> UnixTransport:
        transport = UnixTransport(parse_socket_path(f"{scheme}{path}"), 8192)
        made.append(transport)
        return transport

    yield connect
    for transport in made:
        transport.close()


def read_frames(connection: socket.socket, count: int) -> list[bytes]:
    with connection.makefile("rb") as stream:
        frames = []
        for _ in range(count):
            (length,) = struct.unpack("<I", stream.read(4))
            frames.append(stream.read(length))
        return frames


@pytest.mark.parametrize("scheme", ["", "unix://", "unixgram://"])
def test_datagram_arrives(listen: Listen, connect: Connect, scheme: str) -> None:
    agent = listen(socket.SOCK_DGRAM)

    assert connect(scheme).send(b"a:1|c") is None
    assert agent.recv(100) == b"a:1|c"


@pytest.mark.parametrize("scheme", ["", "unix://", "unixstream://"])
def test_frame_on_a_stream_begins_with_its_length_in_little_endian(
    listen: Listen, connect: Connect, scheme: str
) -> None:
    agent = listen(socket.SOCK_STREAM)

    assert connect(scheme).send(b"a:1|c") is None
    connection, _ = agent.accept()
    with connection:
        assert connection.recv(100) == b"\x05\x00\x00\x00a:1|c"


def test_socket_of_the_other_type_is_not_used_when_the_url_says_one(listen: Listen, connect: Connect) -> None:
    with listen(socket.SOCK_STREAM):
        assert connect("unixgram://").send(b"a:1|c") is DropReason.UNSENT


def test_nobody_there_is_refused(connect: Connect) -> None:
    assert connect().send(b"a:1|c") is DropReason.REFUSED


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
@pytest.mark.parametrize("then", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_agent_that_was_started_anew_gets_what_comes_next(
    listen: Listen, connect: Connect, kind: socket.SocketKind, then: socket.SocketKind
) -> None:
    transport = connect()
    with listen(kind) as before:
        assert transport.send(b"a:1|c") is None
        if kind == socket.SOCK_STREAM:
            before.accept()[0].close()
    assert transport.send(b"b:1|c") is DropReason.REFUSED
    agent = listen(then)

    assert transport.send(b"c:1|c") is None
    if then == socket.SOCK_DGRAM:
        assert agent.recv(100) == b"c:1|c"
    else:
        connection, _ = agent.accept()
        with connection:
            assert read_frames(connection, 1) == [b"c:1|c"]


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_agent_that_restarts_between_two_sends_loses_neither(
    listen: Listen, connect: Connect, kind: socket.SocketKind
) -> None:
    transport = connect()
    with listen(kind) as before:
        transport.send(b"a:1|c")
        if kind == socket.SOCK_STREAM:
            before.accept()[0].close()
    agent = listen(kind)

    assert transport.send(b"b:1|c") is None
    if kind == socket.SOCK_DGRAM:
        assert agent.recv(100) == b"b:1|c"
    else:
        with agent.accept()[0] as connection:
            assert read_frames(connection, 1) == [b"b:1|c"]


def test_full_datagram_socket_is_busy_and_keeps_what_it_has(listen: Listen, connect: Connect) -> None:
    agent = listen(socket.SOCK_DGRAM)
    transport = connect()
    outcomes: list[SendOutcome] = []
    while BUSY not in outcomes:
        outcomes.append(transport.send(b"n%d:1|c" % len(outcomes)))
    sock = transport._socket

    assert set(outcomes[:-1]) == {None}
    assert [agent.recv(100) for _ in outcomes[:-1]] == [b"n%d:1|c" % n for n in range(len(outcomes) - 1)]
    assert transport.send(b"later:1|c") is None
    assert transport._socket is sock


def test_partial_write_is_gone_on_with_so_that_frames_stay_whole(listen: Listen, connect: Connect) -> None:
    agent = listen(socket.SOCK_STREAM)
    transport = connect()
    payloads = [bytes([65 + n % 26]) * 50_001 for n in range(40)]
    assert transport.send(payloads[0]) is None
    connection, _ = agent.accept()
    with connection:
        sent = 1
        while not transport.midway:
            if transport.send(payloads[sent]) is None:
                sent += 1
        assert transport.send(payloads[sent]) is BUSY  # still full
        assert read_frames(connection, sent) == payloads[:sent]


def test_other_payloads_wait_until_a_frame_that_was_sent_in_part_is_whole(
    listen: Listen, connect: Connect
) -> None:
    agent = listen(socket.SOCK_STREAM)
    transport = connect()
    payload = b"x" * 50_001
    assert transport.send(payload) is None
    connection, _ = agent.accept()
    with connection:
        whole = 1
        while not transport.midway:
            whole += transport.send(payload) is None
        connection.recv(1 << 20)

        assert (transport.send(b"a:1|c"), transport.taken) == (BUSY, whole)
        while transport.send(payload) is BUSY:
            connection.recv(1 << 20)
        assert (transport.send(b"a:1|c"), transport.taken) == (None, whole + 2)


def test_frame_cut_off_by_a_restart_is_sent_whole_to_the_next_agent(listen: Listen, connect: Connect) -> None:
    transport = connect()
    payload = b"x" * 50_001
    with listen(socket.SOCK_STREAM) as before:
        transport.send(payload)
        connection, _ = before.accept()
        while not transport.midway:
            transport.send(payload)
        connection.close()
    agent = listen(socket.SOCK_STREAM)

    assert transport.send(payload) is None
    with agent.accept()[0] as connection:
        assert read_frames(connection, 1) == [payload]


def test_closed_transport_sends_nothing(listen: Listen, connect: Connect) -> None:
    listen(socket.SOCK_DGRAM)
    transport = connect()
    transport.close()

    assert transport.send(b"a:1|c") is DropReason.UNSENT


def test_forgetting_closes_the_descriptor(listen: Listen, connect: Connect) -> None:
    listen(socket.SOCK_DGRAM)
    transport = connect()
    transport.send(b"a:1|c")
    assert transport._socket is not None
    descriptor = transport._socket.fileno()
    transport.forget()

    with pytest.raises(OSError):
        os.fstat(descriptor)
