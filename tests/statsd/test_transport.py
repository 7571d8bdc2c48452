import os
import socket
import threading
from collections.abc import Generator
from typing import Any

import pytest

from queue_telemetry._runtime import DropReason
from queue_telemetry.statsd._transport import UdpTransport


@pytest.fixture
def transport() -> Generator[UdpTransport]:
    transport = UdpTransport(8192)
    yield transport
    transport.close()


@pytest.fixture
def closed_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def ipv4(port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    return socket.AF_INET, ("127.0.0.1", port)


def test_datagram_arrives(receiver: Any, transport: UdpTransport) -> None:
    transport.retarget([ipv4(receiver.port)])

    assert transport.send(b"a:1|c") is None
    assert receiver.take(1) == [b"a:1|c"]


def test_what_the_kernel_took_is_counted_and_what_it_refused_is_not(
    receiver: Any, transport: UdpTransport
) -> None:
    transport.retarget([ipv4(receiver.port)])
    outcomes = [transport.send(payload) for payload in (b"a:1|c", b"x" * 70_000, b"b:1|c")]

    assert outcomes == [None, DropReason.OVERSIZE, None]
    assert transport.taken == 2


def test_datagram_arrives_over_ipv6(transport: UdpTransport) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
        sock.settimeout(5)
        transport.retarget([(socket.AF_INET6, sock.getsockname())])

        assert transport.send(b"a:1|c") is None
        assert sock.recv(100) == b"a:1|c"


def test_closed_port_is_heard_of_and_the_socket_kept(transport: UdpTransport, closed_port: int) -> None:
    transport.retarget([ipv4(closed_port)])
    first = transport.send(b"a:1|c")
    sock = transport._socket
    reasons = {transport.send(b"a:1|c") for _ in range(10)}

    assert first is None
    assert DropReason.REFUSED in reasons
    assert transport._socket is sock


def test_datagram_that_the_kernel_finds_too_long_is_oversize(receiver: Any, transport: UdpTransport) -> None:
    transport.retarget([ipv4(receiver.port)])

    assert transport.send(b"x" * 65_508) is DropReason.OVERSIZE
    assert transport.send(b"a:1|c") is None


def test_address_without_a_route_gives_way_to_the_next(receiver: Any, transport: UdpTransport) -> None:
    unusable = (socket.AF_INET, ("255.255.255.255", 9))  # broadcast needs a permission that the socket lacks
    transport.retarget([unusable, ipv4(receiver.port)])

    assert transport.send(b"a:1|c") is None
    assert receiver.take(1) == [b"a:1|c"]


def test_no_usable_address_is_unsent(transport: UdpTransport) -> None:
    transport.retarget([(socket.AF_INET, ("255.255.255.255", 9))])

    assert transport.send(b"a:1|c") is DropReason.UNSENT


def test_changed_address_swaps_the_socket(receiver: Any, transport: UdpTransport, closed_port: int) -> None:
    transport.retarget([ipv4(closed_port)])
    transport.send(b"lost:1|c")
    transport.retarget([ipv4(receiver.port)])
    transport.send(b"a:1|c")

    assert receiver.take(1) == [b"a:1|c"]


def test_same_address_keeps_the_socket(receiver: Any, transport: UdpTransport) -> None:
    transport.retarget([ipv4(receiver.port)])
    transport.send(b"a:1|c")
    sock = transport._socket
    transport.retarget([ipv4(receiver.port)])

    assert transport._socket is sock


def test_closed_transport_sends_nothing(receiver: Any, transport: UdpTransport) -> None:
    transport.retarget([ipv4(receiver.port)])
    transport.close()

    assert transport.send(b"a:1|c") is DropReason.UNSENT


def test_socket_that_broke_is_opened_again(receiver: Any, transport: UdpTransport) -> None:
    transport.retarget([ipv4(receiver.port)])
    transport.send(b"a:1|c")
    assert transport._socket is not None
    transport._socket.close()  # as when its interface went away: every send fails

    assert transport.send(b"b:1|c") is DropReason.UNSENT
    assert transport.send(b"c:1|c") is None


def test_datagram_whose_socket_was_swapped_under_it_goes_to_the_new_address(
    receiver: Any, transport: UdpTransport, closed_port: int
) -> None:
    class Swapped(socket.socket):
        def send(self, data: Any, flags: int = 0, /) -> int:
            transport.retarget([ipv4(receiver.port)])
            return super().send(data, flags)  # on a socket that is closed

    transport.retarget([ipv4(closed_port)])
    transport._socket = Swapped(socket.AF_INET, socket.SOCK_DGRAM)

    assert transport.send(b"a:1|c") is None
    assert receiver.take(1) == [b"a:1|c"]


def test_child_keeps_the_address_and_gets_a_socket_and_counts_of_its_own(
    receiver: Any, transport: UdpTransport
) -> None:
    transport.retarget([ipv4(receiver.port)])
    transport.send(b"a:1|c")
    before = transport._socket
    transport.reset_after_fork()

    assert (transport.taken, transport.send(b"b:1|c"), transport.taken) == (0, None, 1)
    assert transport._socket is not before
    assert receiver.take(2) == [b"a:1|c", b"b:1|c"]


def test_forgetting_closes_the_socket_though_another_thread_holds_the_lock() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        transport = UdpTransport(8192)
        transport.retarget([(socket.AF_INET, receiver.getsockname())])
        assert transport.send(b"a:1|c") is None
        descriptor = transport._socket.fileno() if transport._socket is not None else -1
        held, done = threading.Event(), threading.Event()

        def hold() -> None:  # as a thread of the parent's may have done, which a child does not have
            with transport._lock:
                held.set()
                done.wait(10)

        holder = threading.Thread(target=hold)
        holder.start()
        assert held.wait(10)
        transport.forget()
        done.set()
        holder.join()

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
