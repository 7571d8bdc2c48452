"""The socket behind a client: what it promises, and UDP, connected, so that a closed port is heard of."""

import errno
import socket
import threading
from collections import deque
from collections.abc import Sequence
from enum import Enum
from itertools import count
from typing import Final, Literal, Protocol

from queue_telemetry._runtime import DropReason
from queue_telemetry.statsd._path_mtu import DEFAULT_PAYLOAD_BYTES, payload_bytes_of
from queue_telemetry.statsd._resolver import Address

__all__ = ["BUSY", "FULL", "SendOutcome", "Transport", "UdpTransport"]

FULL: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS})
"""What the kernel says when the socket is well and its buffer is full."""


class _Busy(Enum):
    BUSY = "busy"


BUSY: Final = _Busy.BUSY
"""There is no room for a payload just now: nothing of it is given up, and it can be offered again."""
SendOutcome = DropReason | Literal[_Busy.BUSY] | None
"""None when the kernel took a payload."""


class Transport(Protocol):
    """One socket. Nothing it does waits or raises; no OSError leaves it."""

    @property
    def has_address(self) -> bool:
        """Whether it knows where to send."""

    @property
    def payload_bytes(self) -> int:
        """The most that a payload should hold."""

    @property
    def taken(self) -> int:
        """Payloads that the kernel has taken whole: exact also when an exception came out of `send`."""

    @property
    def midway(self) -> bool:
        """Whether a payload is sent in part: any other is BUSY until the same is offered again and taken whole."""

    @property
    def refuses_late(self) -> bool:
        """Whether a refusal is the answer to a payload before, which came to nothing too."""

    def send(self, payload: bytes) -> SendOutcome:
        """Hand one payload to the kernel."""

    def close(self) -> None:
        """Close the socket for good."""

    def forget(self) -> None:
        """In a forked child: close its copy of the parent's socket. Takes no lock."""


class UdpTransport:
    """Sends datagrams to the first of its addresses that the host has a route to.

    The socket is opened by the first send. The lock guards its opening and swapping; connecting a UDP socket only
    notes the address and waits for nothing. Threads may share the transport.

    Args:
        local_payload_bytes: The most that a datagram should hold on this host.
    """

    midway: Final = False
    refuses_late: Final = True

    def __init__(self, local_payload_bytes: int) -> None:
        self._local_payload_bytes = local_payload_bytes
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

    @property
    def payload_bytes(self) -> int:
        """The most that a datagram should hold on the present path; opens the socket to know it."""
        sock = self._socket or self._open()
        return DEFAULT_PAYLOAD_BYTES if sock is None else payload_bytes_of(sock, self._local_payload_bytes)

    def retarget(self, addresses: Sequence[Address]) -> None:
        """Send to *addresses* from now on, in order of preference; nothing happens when they are the same."""
        with self._lock:
            if tuple(addresses) != self._addresses:
                self._addresses = tuple(addresses)
                self._drop_socket()

    def send(self, payload: bytes) -> SendOutcome:
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
            if error.errno in FULL:
                return BUSY
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
