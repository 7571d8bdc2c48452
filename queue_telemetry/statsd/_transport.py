"""The socket behind a client: what it promises, and UDP, connected, so that a closed port is heard of."""

import errno
import socket
import threading
from collections.abc import Sequence
from enum import Enum
from typing import Final, Literal, Protocol

from queue_telemetry._runtime import Address, DropReason
from queue_telemetry.statsd._path_mtu import DEFAULT_PAYLOAD_BYTES, payload_bytes_of
from queue_telemetry.statsd._taken import Taken, TakenLog

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
    def total(self) -> Taken:
        """The same with what was in them."""

    @property
    def takes_turns(self) -> bool:
        """Whether payloads must be offered one after the other, each until it is taken whole or given up."""

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
        """In a forked child: close its copy of the parent's socket for good. Takes no lock."""

    def reset_after_fork(self) -> None:
        """In a forked child: close its copy of the parent's socket, and begin anew. Takes no lock."""


class UdpTransport:
    """Sends datagrams to the first of its addresses that the host has a route to.

    The socket is opened by the first send. The lock guards its opening and swapping; connecting a UDP socket only
    notes the address and waits for nothing. Threads may share the transport: they send at once.

    Args:
        local_payload_bytes: The most that a datagram should hold on this host.
    """

    midway: Final = False
    takes_turns: Final = False
    refuses_late: Final = True

    def __init__(self, local_payload_bytes: int) -> None:
        self._local_payload_bytes = local_payload_bytes
        self._addresses: tuple[Address, ...] = ()
        self._socket: socket.socket | None = None
        self._closed = False
        self._begin_process()

    def _begin_process(self) -> None:
        """Make what belongs to one process."""
        self._lock = threading.RLock()
        self._log = TakenLog()

    @property
    def taken(self) -> int:
        """Datagrams that the kernel has taken: exact also when an exception came out of `send`."""
        return self._log.datagrams

    @property
    def total(self) -> Taken:
        """The same with what was in them."""
        return self._log.total

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
        outcome, is_present = self._attempt(payload)
        if outcome is DropReason.UNSENT and not is_present:
            outcome, _ = self._attempt(payload)  # DNS told another address: the socket was closed meanwhile
        return outcome

    def close(self) -> None:
        """Close the socket for good."""
        with self._lock:
            self._closed = True
            self._drop_socket()

    def forget(self) -> None:
        """In a forked child: close its copy of the parent's socket for good. Takes no lock, as is so below."""
        self._closed = True
        self._drop_socket()

    def reset_after_fork(self) -> None:
        """In a forked child: close its copy of the parent's socket, and begin anew: nobody may be left to release."""
        self._drop_socket()
        self._begin_process()

    def _attempt(self, payload: bytes) -> tuple[SendOutcome, bool]:
        """Send once; tell also whether the socket that failed is the present one."""
        sock = self._socket or self._open()
        if sock is None:
            return DropReason.UNSENT, True
        try:
            self._log.send(sock.send, payload)
        except ConnectionRefusedError:
            return DropReason.REFUSED, True
        except OSError as error:
            if error.errno == errno.EMSGSIZE:
                return DropReason.OVERSIZE, True
            if error.errno in FULL:
                return BUSY, True
            return DropReason.UNSENT, self._forget(sock)
        return None, True

    def _open(self) -> socket.socket | None:
        with self._lock:
            if self._socket is None and not self._closed:
                self._socket = next(filter(None, map(_connected, self._addresses)), None)
            return self._socket

    def _forget(self, sock: socket.socket) -> bool:
        """Close a socket whose route or interface went away, so that the next send opens a new one; False for another."""
        with self._lock:
            is_present = self._socket is sock
            if is_present:
                self._drop_socket()
            return is_present

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
