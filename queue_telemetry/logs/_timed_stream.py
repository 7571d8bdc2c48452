"""A network for the HTTP library in which an exchange ends in time, however slowly the other side trickles.

The library gives each read its whole timeout anew, and another thread that would shut the socket down may not exist.
"""

import ssl
from collections.abc import Callable, Iterable
from typing import Any, Final

import httpcore

__all__ = ["TimedNetwork"]

_PIECE_BYTES: Final = 65_536  # written at once, so that the time is looked at in between
_LEAST_S: Final = 0.001  # 0 would mean not to wait at all, which is another error


class TimedNetwork(httpcore.NetworkBackend):
    """Opens connections whose every wait ends with the time that is left.

    Args:
        left_s: Returns the seconds that are left of the present exchange; not below 0.
    """

    def __init__(self, left_s: Callable[[], float]) -> None:
        self._left_s = left_s
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # the library's name
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect as the library does, in the time that is left."""
        stream = self._network.connect_tcp(
            host, port, _shorter(timeout, self._left_s()), local_address, socket_options
        )
        return _TimedStream(stream, self._left_s)


class _TimedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, left_s: Callable[[], float]) -> None:
        self._stream = stream
        self._left_s = left_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left_s = self._left_s()
        if left_s <= 0:
            raise httpcore.ReadTimeout
        return self._stream.read(max_bytes, _shorter(timeout, left_s))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for begin in range(0, len(buffer), _PIECE_BYTES):
            left_s = self._left_s()
            if left_s <= 0:
                raise httpcore.WriteTimeout
            self._stream.write(buffer[begin : begin + _PIECE_BYTES], _shorter(timeout, left_s))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _shorter(timeout, self._left_s()))
        return _TimedStream(stream, self._left_s)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _shorter(timeout_s: float | None, left_s: float) -> float:
    return max(left_s if timeout_s is None else min(timeout_s, left_s), _LEAST_S)
