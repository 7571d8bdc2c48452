"""The UDP socket: connected, so that a closed port is heard of, and never waiting. No OSError leaves it."""

import errno
import socket
import threading
from collections import deque
from collections.abc import Sequence
from itertools import count

from queue_telemetry._runtime import DropReason
from queue_telemetry.statsd._resolver import Address

__all__ = ["UdpTransport"]

_FULL = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})  # the socket is well, its buffer is full


class UdpTransport:
    """Sends datagrams to the first of its addresses that the host has a route to.

    The socket is opened by the first send. The lock guards its opening and swapping; connecting a UDP socket only
    notes the address and waits for nothing. Threads may share the transport.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._addresses: tuple[Address, ...] = ()
        self._socket: socket.socket | None = None
        self._closed = False
        self._numbers = count(1)
        self._last_taken: deque[tuple[int, int]] = deque([(0, 0)], maxlen=1)  # its bytes, its number

    @property
    def taken(self) -> int:
        """Datagrams that the kernel has taken: exact also when an exception came out of `send`."""
        return self._last_taken[0][1]

    @property
    def has_address(self) -> bool:
        """Whether it knows where to send."""
        return bool(self._addresses)

    def retarget(self, addresses: Sequence[Address]) -> None:
        """Send to *addresses* from now on, in order of preference; nothing happens when they are the same."""
        with self._lock:
            if tuple(addresses) != self._addresses:
                self._addresses = tuple(addresses)
                self._drop_socket()

    def send(self, payload: bytes) -> DropReason | None:
        """Hand one datagram to the kernel; the reason when it was not taken. Must not block and must not raise.

        A refusal (the port was closed when an earlier datagram arrived) keeps the socket: reconnecting for it would
        cost more than sending.
        """
        sock = self._socket or self._open()
        if sock is None:
            return DropReason.UNSENT
        try:
            # One call in C, within which no signal handler runs: sent and noted, or neither.
            self._last_taken.extend(zip(map(sock.send, (payload,)), self._numbers, strict=False))
        except ConnectionRefusedError:
            return DropReason.REFUSED
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                return DropReason.OVERSIZE
            if error.errno not in _FULL:
                self._forget(sock)  # a route or an interface went away: the next send opens a new one
            return DropReason.UNSENT
        return None

    def close(self) -> None:
        """Close the socket for good."""
        with self._lock:
            self._closed = True
            self._drop_socket()

    def forget(self) -> None:
        """In a forked child: close its copy of the parent's socket. Takes no lock: nobody may be left to release it."""
        self._closed = True
        self._drop_socket()

    def _open(self) -> socket.socket | None:
        with self._lock:
            if self._socket is None and not self._closed:
                self._socket = next(filter(None, map(_connected, self._addresses)), None)
            return self._socket

    def _forget(self, sock: socket.socket) -> None:
        with self._lock:
            if self._socket is sock:
                self._drop_socket()

    def _drop_socket(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _connected(address: Address) -> socket.socket | None:
    family, sockaddr = address
    try:
        sock = socket.socket(family, socket.SOCK_DGRAM)
    except OSError:
        return None
    try:
        sock.setblocking(False)
        sock.connect(sockaddr)
    except OSError:
        sock.close()
        return None
    return sock
