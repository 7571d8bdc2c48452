"""The StatsD server hears real datagrams, adds up, keeps what it refused, and ends without a trace."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from queue_telemetry.testing._statsd_server import StatsdServer

Send = Callable[[bytes], object]


@pytest.fixture
def send(server: StatsdServer) -> Iterator[Send]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((server.host, server.port))
        yield client.send


def test_what_was_sent_is_added_up(server: StatsdServer, send: Send) -> None:
    send(b"jobs:1|c|#type:x\njobs:2|c|#type:y\ndepth:7|g\n")
    send(b"took:5:6|d|@0.5")

    assert server.wait_until(lambda: server.datagrams == 2)
    assert (3, 1) == (server.counter("jobs"), server.counter("jobs", type="x"))
    assert 7 == server.gauge("depth")
    assert [5.0, 6.0] == server.timings("took")
    assert 4 == server.timing_count("took")
    assert ["depth", "jobs", "took"] == server.names
    assert [] == server.refused


def test_every_reading_takes_in_what_has_arrived(send: Send, server: StatsdServer) -> None:
    for sent in range(1, 500):
        send(b"jobs:1|c\ntook:5|ms\nbad")
        assert sent == server.counter("jobs")
        assert (sent, 3 * sent, sent) == (server.datagrams, server.lines, server.timing_count("took"))
        assert sent == len(server.refused)


def test_the_traffic_is_measured(server: StatsdServer, send: Send) -> None:
    send(b"a:1|c\nb:1|c")
    send(b"a:1|c")

    assert server.wait_until(lambda: server.datagrams == 2)
    assert (3, 16, 11) == (server.lines, server.bytes, server.largest_datagram_bytes)


def test_a_refused_line_is_kept_and_its_neighbours_count(server: StatsdServer, send: Send) -> None:
    send(b"a:1|c\nb:nan|g\na:1|c")

    assert server.wait_until(lambda: server.counter("a") == 2)
    assert [(b"b:nan|g", "not a plain decimal number: 'nan'")] == server.refused
    assert 3 == server.lines


def test_an_empty_datagram_is_refused(server: StatsdServer, send: Send) -> None:
    send(b"")

    assert server.wait_until(lambda: server.datagrams == 1)
    assert [(b"", "an empty line")] == server.refused


def test_the_largest_datagram_is_taken_whole(server: StatsdServer, send: Send) -> None:
    payload = b"\n".join([b"a:1|c"] * 10_918)
    assert 65_507 == len(payload)

    send(payload)

    assert server.wait_until(lambda: server.counter("a") == 10_918)


def test_a_burst_waits_in_the_buffer(server: StatsdServer, send: Send) -> None:
    for _ in range(50):
        send(b"a:1|c\n" * 200)

    assert server.wait_until(lambda: server.counter("a") == 10_000)


def test_a_named_dialect_refuses_the_other() -> None:
    with StatsdServer(dialect="statsd") as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"a:1|c|#k:v", (server.host, server.port))

        assert server.wait_until(lambda: server.datagrams == 1)
        assert [(b"a:1|c|#k:v", "tags are of another dialect")] == server.refused


def test_waiting_ends_when_nothing_fits(server: StatsdServer) -> None:
    assert not server.wait_until(lambda: server.datagrams == 1, timeout_s=0.01)


def test_waiting_wakes_for_a_datagram_from_another_thread(server: StatsdServer, send: Send) -> None:
    sender = threading.Timer(0.01, send, (b"a:1|c",))
    sender.start()

    assert server.wait_until(lambda: server.counter("a") == 1)
    sender.join()


def test_what_was_sent_before_the_end_is_still_read() -> None:
    with StatsdServer() as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for _ in range(20):
            client.sendto(b"a:1|c", (server.host, server.port))

    assert 20 == server.counter("a")


def test_the_port_is_free_after_the_end() -> None:
    with StatsdServer() as server:
        address = (server.host, server.port)
    server.close()

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as successor:
        successor.bind(address)


def test_a_server_that_never_started_closes() -> None:
    StatsdServer().close()


def test_two_servers_do_not_share_a_port() -> None:
    with StatsdServer() as first, StatsdServer() as second:
        assert first.port != second.port
