"""TLS inside of TLS, as to a collector through a proxy that is reached by TLS itself: no socket of Python's does that."""

import ssl
from collections.abc import Callable
from typing import Final, TypeVar

__all__ = ["NestedTls"]

_T = TypeVar("_T")

_RECORD_BYTES: Final = (
    16_640  # of TLS, with what it adds. Source: https://www.rfc-editor.org/rfc/rfc8446#section-5.2
)


class NestedTls:
    """The inner connection, with the methods of a socket that a stream needs.

    Args:
        outer: The outer one, which is closed with it.
        context: Whom to trust.
        name: The host that the certificate is to be for.

    Raises:
        OSError: No trusted connection; the outer one's timeout holds for each wait.
    """

    def __init__(self, outer: "ssl.SSLSocket | NestedTls", context: ssl.SSLContext, name: str | None) -> None:
        self._outer = outer
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._inner = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._pumped(self._inner.do_handshake)

    def recv(self, max_bytes: int) -> bytes:
        """Return what came, at most so much; nothing at the end."""
        return self._pumped(lambda: self._inner.read(max_bytes))

    def send(self, data: memoryview) -> int:
        """Send *data* and return how many bytes of it are on their way."""
        return self._pumped(lambda: self._inner.write(data))

    def settimeout(self, timeout_s: float) -> None:
        """Set the longest wait of the outer connection."""
        self._outer.settimeout(timeout_s)

    def selected_alpn_protocol(self) -> str | None:
        """Return what both sides speak inside."""
        return self._inner.selected_alpn_protocol()

    def fileno(self) -> int:
        """Return the outer connection's."""
        return self._outer.fileno()

    def close(self) -> None:
        """Close the outer connection."""
        self._outer.close()

    def _pumped(self, step: Callable[[], _T]) -> _T:
        """Repeat a step until it needs nothing more from the other side."""
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush()
                received = self._outer.recv(_RECORD_BYTES)
                if received:
                    self._incoming.write(received)
                else:
                    self._incoming.write_eof()
                continue
            self._flush()
            return result

    def _flush(self) -> None:
        view = memoryview(self._outgoing.read())
        while view:
            view = view[self._outer.send(view) :]
