"""A network for the HTTP library in which an exchange ends in time, however slowly the other side trickles.

The library gives each address and each read its whole timeout anew, hands a socket out only once it is connected, and
looks names up without end.
"""

import select
import socket
import ssl
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any, Final

import httpcore

from queue_telemetry._runtime import Address
from queue_telemetry.logs._lookup import Lookup
from queue_telemetry.logs._nested_tls import NestedTls

__all__ = ["TimedNetwork"]

_PIECE_BYTES: Final = 65_536  # written at once, so that the time is looked at in between
_LEAST_S: Final = 0.001  # 0 would mean not to wait at all, which is another error


class TimedNetwork(httpcore.NetworkBackend):
    """Opens connections whose every wait ends with the time that is left.

    Args:
        left_s: Returns the seconds that are left of the present exchange; not below 0.
        on_socket: Takes each socket before it is connected, and again when TLS takes it over: another thread can end
            a wait by shutting it down.
        lookup: Where addresses come from.
    """

    def __init__(
        self, left_s: Callable[[], float], on_socket: Callable[[socket.socket], None], lookup: Lookup
    ) -> None:
        self._left_s = left_s
        self._on_socket = on_socket
        self._lookup = lookup

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # the library's name
        local_address: str | None = None,  # noqa: ARG002 - the sender asks for none
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to one address after the other; each gets an equal share of the time that is left."""
        with _mapped(httpcore.ConnectTimeout, httpcore.ConnectError):
            addresses = self._lookup.addresses(host, port, self._left_s())
            for more in range(len(addresses) - 1, 0, -1):
                try:
                    return self._connected(addresses[-more - 1], timeout, more + 1, socket_options or ())
                except OSError:  # the next one may answer
                    continue
            return self._connected(addresses[-1], timeout, 1, socket_options or ())

    def _connected(
        self, address: Address, timeout_s: float | None, sharers: int, options: Iterable[Any]
    ) -> "_TimedStream":
        left_s = self._left_s()
        if left_s <= 0:
            raise TimeoutError
        family, where = address
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            for option in options:
                connection.setsockopt(*option)
            connection.settimeout(_shorter(timeout_s, left_s / sharers))
            self._on_socket(connection)
            connection.connect(where)
        except BaseException:
            connection.close()
            raise
        return _TimedStream(connection, self._left_s, self._on_socket)


class _TimedStream(httpcore.NetworkStream):
    def __init__(
        self,
        connection: socket.socket | NestedTls,
        left_s: Callable[[], float],
        on_socket: Callable[[socket.socket], None],
    ) -> None:
        self._connection = connection
        self._left_s = left_s
        self._on_socket = on_socket

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _mapped(httpcore.ReadTimeout, httpcore.ReadError):
            self._allow(timeout)
            return self._connection.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _mapped(httpcore.WriteTimeout, httpcore.WriteError):
            view = memoryview(buffer)
            while view:
                self._allow(timeout)
                view = view[self._connection.send(view[:_PIECE_BYTES]) :]

    def close(self) -> None:
        self._connection.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        with _mapped(httpcore.ConnectTimeout, httpcore.ConnectError):
            try:
                self._allow(timeout)
                secured = self._secured(ssl_context, server_hostname)
            except BaseException:
                self.close()
                raise
        return _TimedStream(secured, self._left_s, self._on_socket)

    def _secured(self, context: ssl.SSLContext, name: str | None) -> socket.socket | NestedTls:
        if isinstance(self._connection, (ssl.SSLSocket, NestedTls)):  # a proxy that is reached by TLS itself
            return NestedTls(self._connection, context, name)
        secured = context.wrap_socket(self._connection, server_hostname=name, do_handshake_on_connect=False)
        self._connection = secured  # to be closed in its place, which it has taken
        self._on_socket(secured)
        secured.do_handshake()
        return secured

    def get_extra_info(self, info: str) -> object:
        """Return the two things that the library looks at: whether a kept connection has something to say, and TLS."""
        if info == "is_readable":
            return _is_readable(self._connection.fileno())
        if info == "ssl_object" and type(self._connection) is not socket.socket:
            return self._connection
        return None

    def _allow(self, timeout_s: float | None) -> None:
        left_s = self._left_s()
        if left_s <= 0:
            raise TimeoutError
        self._connection.settimeout(_shorter(timeout_s, left_s))


@contextmanager
def _mapped(timeout: type[Exception], fault: type[Exception]) -> Generator[None]:
    """Raise the HTTP library's own for what the system raises; a name that is none raises ValueError."""
    try:
        yield
    except TimeoutError as error:
        raise timeout(str(error)) from error
    except (OSError, ValueError) as error:
        raise fault(str(error)) from error


def _is_readable(descriptor: int) -> bool:
    if descriptor < 0:
        return True  # closed, which a read would tell
    if not hasattr(select, "poll"):  # Windows, where a high number is no problem
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _shorter(timeout_s: float | None, left_s: float) -> float:
    return max(left_s if timeout_s is None else min(timeout_s, left_s), _LEAST_S)
