"""The Unix socket of an agent on this host: datagrams, or frames on a stream. Never waits; no OSError leaves it."""

import errno
import socket
import struct
from typing import Final

from queue_telemetry._runtime import DropReason
from queue_telemetry.statsd._path_mtu import LOCAL_PAYLOAD_BYTES
from queue_telemetry.statsd._socket_path import SocketPath
from queue_telemetry.statsd._transport import BUSY, FULL, SendOutcome

__all__ = ["UnixTransport"]

_GONE: Final = frozenset(
    {errno.ECONNREFUSED, errno.ENOENT, errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EDESTADDRREQ}
)
_FRAME: Final = struct.Struct("<I")  # a frame on a stream begins with its length
_NO_SIGNAL: Final = getattr(socket, "MSG_NOSIGNAL", 0)  # an application may have SIGPIPE kill it


class UnixTransport:
    """Sends to a Unix socket, and connects again when the agent behind it was started anew. One thread at a time.

    A frame that a stream takes in part is gone on with at the next send, which must be of the same payload; when the
    connection ends meanwhile, the whole frame is sent on the next one, since an agent reads no half frames.

    Source: https://docs.datadoghq.com/developers/dogstatsd/unix_socket; datadog-go statsd/uds.go
    """

    has_address: Final = True
    payload_bytes: Final = LOCAL_PAYLOAD_BYTES

    def __init__(self, address: SocketPath) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self._rest = b""
        self._closed = False

    @property
    def midway(self) -> bool:
        """Whether a frame is sent in part."""
        return bool(self._rest)

    def send(self, payload: bytes) -> SendOutcome:
        """Hand one payload to the kernel; the reason when it was not taken. Must not block and must not raise."""
        outcome = self._attempt(payload)
        if outcome is DropReason.REFUSED and not self._closed:
            outcome = self._attempt(payload)  # the agent went away; another may listen by now
        return outcome

    def close(self) -> None:
        """Close the socket for good."""
        self._closed = True
        self._drop_socket()

    def forget(self) -> None:
        """In a forked child: close its copy of the parent's socket."""
        self.close()

    def _attempt(self, payload: bytes) -> SendOutcome:
        try:
            sock = self._socket or self._connect()
            if sock.type == socket.SOCK_DGRAM:
                sock.send(payload)
                return None
            frame = self._rest or _FRAME.pack(len(payload)) + payload
            self._rest = frame[sock.send(frame, _NO_SIGNAL) :]
        except OSError as error:
            if error.errno in FULL:
                return BUSY
            if error.errno == errno.EMSGSIZE:
                return DropReason.OVERSIZE
            self._drop_socket()
            return DropReason.REFUSED if error.errno in _GONE else DropReason.UNSENT
        return BUSY if self._rest else None

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
        self._rest = b""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
