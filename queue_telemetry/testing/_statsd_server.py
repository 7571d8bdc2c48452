"""A real StatsD server on loopback: reads strictly, adds up as servers do, and keeps what it refused."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Final, Self, TypeAlias

from queue_telemetry.testing._arrivals import Arrivals
from queue_telemetry.testing._statsd_grammar import Refusal, StatsdDialect, read_datagram
from queue_telemetry.testing._statsd_notices import ServiceCheck, StatsdEvent, is_notice, read_notice
from queue_telemetry.testing._statsd_sums import StatsdSums

__all__ = ["StatsdServer"]

_SO_RCVBUFFORCE: Final = 33  # Linux, for processes with CAP_NET_ADMIN; the socket module has no name for it
_BUFFER_BYTES: Final = 8 << 20  # a burst must wait here while the threads of a test hold the interpreter
_LARGEST_DATAGRAM_BYTES: Final = 65_535
_JOIN_S: Final = 5.0
_MOST_AT_ONCE: Final = 10_000  # a flood must not hold a reader for ever
_Payload: TypeAlias = bytes  # the class has an attribute of this name


class StatsdServer:
    """Receives StatsD over UDP on 127.0.0.1, on a port that the kernel chose, until the block ends.

    On loopback a datagram has arrived when its sender's call returns, and every reading takes in what has arrived, so
    after a `flush()` there is nothing to wait for.

    Names are as on the wire: with their prefix, and for the plain dialect with the tag values in them. Where a method
    takes *tags*, it sums over every series of the name that has at least these. Keeps every timing and refused line
    for as long as it lives, so it is for tests and demonstrations.

    Args:
        dialect: Refuse what is not of this dialect; None takes both.

    Attributes:
        host: The address to send to.
        port: The port to send to.

    Example:
        >>> with StatsdServer() as server:
        ...     qt.configure(statsd_host=server.host, statsd_port=server.port, statsd_dialect="datadog")
        ...     qt.counter("mails_sent", provider="ses").increment()
        ...     qt.flush()
        ...     assert server.counter("mails_sent", provider="ses") == 1
    """

    def __init__(self, *, dialect: StatsdDialect | None = None) -> None:
        self._dialect = dialect
        self._arrivals = Arrivals()
        self._sums = StatsdSums()
        self._refused: list[tuple[bytes, str]] = []
        self._events: list[StatsdEvent] = []
        self._service_checks: list[ServiceCheck] = []
        self._datagrams = 0
        self._lines = 0
        self._bytes = 0
        self._largest_datagram_bytes = 0
        self._closed = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
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
        """Take in what has arrived, stop and free the port; all stays readable. Idempotent."""
        with self._arrivals:
            self._receive()
            self._closed = True
        with contextlib.suppress(OSError):  # closed before
            self._stop.send(b"\0")
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
        for endpoint in (self._socket, self._stop, self._stopped):
            endpoint.close()

    @property
    def refused(self) -> list[tuple[_Payload, str]]:
        """The lines that were not taken, each with the reason."""
        with self._reading():
            return list(self._refused)

    @property
    def events(self) -> list[StatsdEvent]:
        """The events, in the order they came; only the dialect `datadog` has any."""
        with self._reading():
            return list(self._events)

    @property
    def service_checks(self) -> list[ServiceCheck]:
        """The service checks, in the order they came; only the dialect `datadog` has any."""
        with self._reading():
            return list(self._service_checks)

    @property
    def datagrams(self) -> int:
        """How many datagrams came."""
        with self._reading():
            return self._datagrams

    @property
    def lines(self) -> int:
        """How many lines came, refused ones included."""
        with self._reading():
            return self._lines

    @property
    def bytes(self) -> int:
        """The size of all payloads together."""
        with self._reading():
            return self._bytes

    @property
    def largest_datagram_bytes(self) -> int:
        """The size of the largest payload; 0 when none came."""
        with self._reading():
            return self._largest_datagram_bytes

    @property
    def names(self) -> list[str]:
        """Every metric name that came, sorted."""
        with self._reading():
            return self._sums.names()

    def counter(self, name: str, /, **tags: str) -> int | float:
        """Return the exact sum, each amount divided by its sample rate; 0 when nothing came."""
        with self._reading():
            return self._sums.counter(name, tags)

    def gauge(self, name: str, /, **tags: str) -> int | float | None:
        """Return the sum of the series' last values; None when nothing came."""
        with self._reading():
            return self._sums.gauge(name, tags)

    def timings(self, name: str, /, **tags: str) -> list[float]:
        """Return the values that came, in the unit of the line: ms for `ms`, seconds for `h` and `d`."""
        with self._reading():
            return self._sums.timings(name, tags)

    def timing_count(self, name: str, /, **tags: str) -> int:
        """Return how many timings the values stand for: `int(1 / rate)` each, as servers count."""
        with self._reading():
            return self._sums.timing_count(name, tags)

    def wait_until(self, predicate: Callable[[], bool], timeout_s: float = 5.0) -> bool:
        """Return True as soon as *predicate* holds, looking when datagrams come; False after *timeout_s*."""
        return self._arrivals.wait_until(predicate, timeout_s)

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket, selectors.EVENT_READ)
            selector.register(self._stopped, selectors.EVENT_READ)
            while self._stopped not in {key.fileobj for key, _ in selector.select()}:
                with self._arrivals:
                    self._receive()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        with self._arrivals:
            self._receive()
            yield

    def _receive(self) -> None:
        """Take in what waits in the kernel's buffer, with the lock held."""
        if self._closed:
            return
        came = False
        with contextlib.suppress(BlockingIOError):
            for _ in range(_MOST_AT_ONCE):
                self._take(self._socket.recv(_LARGEST_DATAGRAM_BYTES))
                came = True
        if came:
            self._arrivals.announce()

    def _take(self, payload: _Payload) -> None:
        self._datagrams += 1
        self._bytes += len(payload)
        self._largest_datagram_bytes = max(self._largest_datagram_bytes, len(payload))
        if self._dialect == "datadog" and is_notice(payload):
            self._take_notice(payload)
            return
        for line in read_datagram(payload, dialect=self._dialect):
            self._lines += 1
            if isinstance(line, Refusal):
                self._refused.append((line.line, line.reason))
            else:
                self._sums.add(line)

    def _take_notice(self, payload: _Payload) -> None:
        self._lines += 1
        notice = read_notice(payload)
        if isinstance(notice, StatsdEvent):
            self._events.append(notice)
        elif isinstance(notice, ServiceCheck):
            self._service_checks.append(notice)
        else:
            self._refused.append((notice.line, notice.reason))


def _enlarge_buffer(receiver: socket.socket) -> None:
    try:
        receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    except OSError:  # not allowed, or another system: the kernel's own limit has to do
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
