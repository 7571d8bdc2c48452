"""A real StatsD server on loopback: reads strictly, adds up as servers do, and keeps what it refused."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable
from typing import Final, Self

from queue_telemetry.testing._arrivals import Arrivals
from queue_telemetry.testing._statsd_grammar import Refusal, StatsdDialect, read_datagram
from queue_telemetry.testing._statsd_sums import StatsdSums

__all__ = ["StatsdServer"]

_SO_RCVBUFFORCE: Final = 33  # Linux, for processes with CAP_NET_ADMIN; the socket module has no name for it
_BUFFER_BYTES: Final = 8 << 20  # a burst must wait here while the threads of a test hold the interpreter
_LARGEST_DATAGRAM_BYTES: Final = 65_535
_JOIN_S: Final = 5.0


class StatsdServer:
    """Receives StatsD over UDP on 127.0.0.1, on a port that the kernel chose, until the block ends.

    Names are as on the wire: with their prefix, and for the plain dialect with the tag values in them. Where a method
    takes *tags*, it sums over every series of the name that has at least these. Keeps every timing and refused line
    for as long as it lives, so it is for tests and demonstrations.

    Args:
        dialect: Refuse what is not of this dialect; None takes both.

    Attributes:
        host: The address to send to.
        port: The port to send to.
        datagrams: How many came.
        lines: How many came, refused ones included.
        bytes: The size of all payloads together.
        largest_datagram_bytes: The size of the largest payload; 0 when none came.

    Example:
        >>> with StatsdServer() as server:
        ...     qt.configure(statsd_host=server.host, statsd_port=server.port, statsd_dialect="datadog")
        ...     qt.counter("mails_sent", provider="ses").increment()
        ...     qt.flush()
        ...     server.wait_until(lambda: server.counter("mails_sent", provider="ses") == 1)
    """

    def __init__(self, *, dialect: StatsdDialect | None = None) -> None:
        self._dialect = dialect
        self._arrivals = Arrivals()
        self._sums = StatsdSums()
        self._refused: list[tuple[bytes, str]] = []
        self.datagrams = 0
        self.lines = 0
        self.bytes = 0
        self.largest_datagram_bytes = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        _enlarge_buffer(self._socket)
        self._socket.bind(("127.0.0.1", 0))
        self.host: Final[str] = "127.0.0.1"
        self.port: Final[int] = self._socket.getsockname()[1]
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="queue_telemetry-statsd-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop receiving and free the port; what came before stays readable. Idempotent."""
        with contextlib.suppress(OSError):  # closed before
            self._stop.send(b"\0")
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
        for endpoint in (self._socket, self._stop, self._stopped):
            endpoint.close()

    @property
    def refused(self) -> list[tuple[bytes, str]]:
        """The lines that were not taken, each with the reason."""
        with self._arrivals:
            return list(self._refused)

    @property
    def names(self) -> list[str]:
        """Every metric name that came, sorted."""
        with self._arrivals:
            return self._sums.names()

    def counter(self, name: str, /, **tags: str) -> int | float:
        """Return the exact sum, each amount divided by its sample rate; 0 when nothing came."""
        with self._arrivals:
            return self._sums.counter(name, tags)

    def gauge(self, name: str, /, **tags: str) -> int | float | None:
        """Return the sum of the series' last values; None when nothing came."""
        with self._arrivals:
            return self._sums.gauge(name, tags)

    def timings(self, name: str, /, **tags: str) -> list[float]:
        """Return the values that came, in the unit of the line: ms for `ms`, seconds for `h` and `d`."""
        with self._arrivals:
            return self._sums.timings(name, tags)

    def timing_count(self, name: str, /, **tags: str) -> int:
        """Return how many timings the values stand for: `int(1 / rate)` each, as servers count."""
        with self._arrivals:
            return self._sums.timing_count(name, tags)

    def wait_until(self, predicate: Callable[[], bool], timeout_s: float = 5.0) -> bool:
        """Return True as soon as *predicate* holds, looking at every datagram; False after *timeout_s*."""
        return self._arrivals.wait_until(predicate, timeout_s)

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._socket in ready:  # first, so that what came before the stop is still read
                    self._take(self._socket.recv(_LARGEST_DATAGRAM_BYTES))
                elif self._stopped in ready:
                    return

    def _take(self, payload: bytes) -> None:
        results = list(read_datagram(payload, dialect=self._dialect))
        with self._arrivals:
            self.datagrams += 1
            self.lines += len(results)
            self.bytes += len(payload)
            self.largest_datagram_bytes = max(self.largest_datagram_bytes, len(payload))
            for line in results:
                if isinstance(line, Refusal):
                    self._refused.append((line.line, line.reason))
                else:
                    self._sums.add(line)
            self._arrivals.announce()


def _enlarge_buffer(receiver: socket.socket) -> None:
    try:
        receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    except OSError:  # not allowed, or another system: the kernel's own limit has to do
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
