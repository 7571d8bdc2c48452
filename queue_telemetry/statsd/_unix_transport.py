"""The Unix socket of an agent on this host: datagrams, or frames on a stream. Never waits; no OSError leaves it."""

import errno
import socket
import struct
from functools import partial
from typing import Final, NamedTuple

from queue_telemetry._runtime import DropReason, OwnedLock
from queue_telemetry.statsd._socket_path import SocketPath
from queue_telemetry.statsd._taken import NONE_TAKEN, Taken
from queue_telemetry.statsd._transport import BUSY, FULL, SendOutcome

__all__ = ["UnixTransport"]

_GONE: Final = frozenset(
    {errno.ECONNREFUSED, errno.ENOENT, errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EDESTADDRREQ}
)
_LENGTH: Final = struct.Struct("<I")  # a frame on a stream begins with it
_NO_SIGNAL: Final = getattr(socket, "MSG_NOSIGNAL", 0)  # an application may have SIGPIPE kill it


class _Frame(NamedTuple):
    """One payload on its way.

    Attributes:
        before: What was taken before it.
        payload: What was to be sent.
        data: The same as the socket takes it, with its length in front on a stream.
        sock: The connection that it was begun on; None for no payload.
        sent_bytes: What the kernel took, send by send: a list so that sending and noting it are one step.
    """

    before: Taken
    payload: bytes
    data: bytes
    sock: socket.socket | None
    sent_bytes: list[int]

    @property
    def is_begun(self) -> bool:
        """Whether the kernel has some of it and lacks the rest."""
        return 0 < sum(self.sent_bytes) < len(self.data)

    @property
    def is_taken(self) -> bool:
        """Whether the kernel has all of it."""
        return self.sock is not None and sum(self.sent_bytes) == len(self.data)


class UnixTransport:
    """Sends to a Unix socket, and connects again when the agent behind it was started anew.

    A frame that a stream takes in part is gone on with when the same payload is offered again; when the connection
    ended meanwhile, the whole frame is sent on the next one, since an agent reads no half frames. Threads may share the
    transport: who finds it in use is told that it is busy.

    Args:
        address: Where the socket is, and of which type.
        payload_bytes: The most that a payload should hold.

    Source: https://docs.datadoghq.com/developers/dogstatsd/unix_socket; datadog-go statsd/uds.go
    """

    has_address: Final = True
    takes_turns: Final = True
    refuses_late: Final = False

    def __init__(self, address: SocketPath, payload_bytes: int) -> None:
        self._address = address
        self.payload_bytes: Final = payload_bytes
        self._socket: socket.socket | None = None
        self._closed = False
        self._begin_process()

    def _begin_process(self) -> None:
        """Make what belongs to one process."""
        self._turn = OwnedLock()
        self._frame = _Frame(NONE_TAKEN, b"", b"", None, [])

    @property
    def taken(self) -> int:
        """Payloads that the kernel has taken whole: exact also when an exception came out of `send`."""
        frame = self._frame
        return frame.before.datagrams + frame.is_taken

    @property
    def total(self) -> Taken:
        """The same with what was in them."""
        frame = self._frame
        if not frame.is_taken:
            return frame.before
        return frame.before.with_one(frame.payload.count(b"\n") + 1, len(frame.payload))

    @property
    def midway(self) -> bool:
        """Whether a payload is sent in part."""
        return self._frame.is_begun and self._frame.sock is self._socket

    def send(self, payload: bytes) -> SendOutcome:
        """Hand one payload to the kernel; the reason when it was not taken. Must not block and must not raise."""
        return self._turn.run(0.0, partial(self._send, payload), otherwise=BUSY)

    def close(self) -> None:
        """Close the socket for good."""
        self._closed = True
        self._drop_socket()

    def forget(self) -> None:
        """In a forked child: close its copy of the parent's socket for good."""
        self.close()

    def reset_after_fork(self) -> None:
        """In a forked child: close its copy of the parent's socket, and begin anew."""
        self._drop_socket()
        self._begin_process()

    def _send(self, payload: bytes) -> SendOutcome:
        if self.midway and payload != self._frame.payload:
            return BUSY
        outcome = self._attempt(payload)
        if outcome is DropReason.REFUSED and not self._closed:
            outcome = self._attempt(payload)  # the agent went away; another may listen by now
        return outcome

    def _attempt(self, payload: bytes) -> SendOutcome:
        try:
            sock = self._socket or self._connect()
            if not self.midway:
                is_stream = sock.type == socket.SOCK_STREAM
                data = _LENGTH.pack(len(payload)) + payload if is_stream else payload
                self._frame = _Frame(self.total, payload, data, sock, [])
            frame = self._frame
            rest = frame.data[sum(frame.sent_bytes) :]
            # One call in C, within which no signal handler runs: sent and noted, or neither.
            frame.sent_bytes.extend(map(sock.send, (rest,), (_NO_SIGNAL,)))
        except OSError as error:
            if error.errno in FULL:
                return BUSY
            if error.errno == errno.EMSGSIZE:
                return DropReason.OVERSIZE
            self._drop_socket()
            return DropReason.REFUSED if error.errno in _GONE else DropReason.UNSENT
        return None if frame.is_taken else BUSY

    def _connect(self) -> socket.socket:
        """Open the socket as the first type that the other end has.

        Raises:
            OSError: Nobody listens, or something else is wrong.
        """
        if self._closed:
            raise OSError(errno.EBADF, "closed")
        path, kinds = self._address
        for kind in kinds:
            sock = socket.socket(socket.AF_UNIX, kind)
            try:
                sock.setblocking(False)
                sock.connect(path)
            except OSError as error:
                sock.close()
                if error.errno != errno.EPROTOTYPE or kind is kinds[-1]:
                    raise
            else:
                self._socket = sock
                return sock
        raise OSError(errno.EPROTOTYPE, "no type to try")

    def _drop_socket(self) -> None:
        sock, self._socket = self._socket, None
        if sock is not None:
            sock.close()
