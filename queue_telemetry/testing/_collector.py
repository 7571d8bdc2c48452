"""A real HTTP log collector on loopback: takes NDJSON strictly, and answers as a test tells it to."""

import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http.server import HTTPServer
from typing import Final, Self

from queue_telemetry.testing._answers import Answer, AnswerScript
from queue_telemetry.testing._arrivals import Arrivals
from queue_telemetry.testing._http_server import LoopbackHttpServer, QuietHandler
from queue_telemetry.testing._ndjson import BodyRefusedError, read_body

__all__ = ["CollectedRequest", "Collector"]

_CLOSE_S: Final = 5.0
_WITHOUT_BODY: Final = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class CollectedRequest:
    """One request as it came.

    Attributes:
        method: The HTTP method.
        path: The path with its query.
        headers: The headers, names in lower case.
        body_bytes: The size of the body on the wire.
        connection: A number for the TCP connection, from 1; equal ones show that it was kept.
        status: What was answered; None when the connection was closed instead.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body_bytes: int
    connection: int
    status: int | None


class Collector:
    """Receives POSTs of NDJSON on 127.0.0.1, on a port that the kernel chose, until the block ends.

    Takes any path, and bodies that are plain or gzip. A body with a line that is not one JSON object is refused whole
    with 400. Keeps everything for as long as it lives, so it is for tests and demonstrations.

    Example:
        >>> with Collector() as collector:
        ...     collector.answer(503, headers={"Retry-After": "1"})
        ...     qt.configure(log_url=collector.url)
        ...     logger.info("hello")
        ...     assert collector.wait_until(lambda: len(collector.records) == 1)
        ...     assert [request.status for request in collector.requests] == [503, 200]
    """

    def __init__(self) -> None:
        self._arrivals = Arrivals()
        self._script = AnswerScript()
        self._closing = threading.Event()
        self._batches: list[list[dict[str, object]]] = []
        self._requests: list[CollectedRequest] = []
        self._refused: list[tuple[bytes, str]] = []
        self._connections = 0
        self._server = LoopbackHttpServer(partial(_Handler, self))
        self.url: Final[str] = f"http://127.0.0.1:{self._server.server_port}/logs"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop, cut every connection and wait for the threads; what came stays readable. Idempotent."""
        self._closing.set()
        self._server.close(_CLOSE_S)

    @property
    def records(self) -> list[dict[str, object]]:
        """The records of every batch that was taken, in the order of arrival."""
        with self._arrivals:
            return [record for batch in self._batches for record in batch]

    @property
    def batches(self) -> list[list[dict[str, object]]]:
        """The records of each request that was taken."""
        with self._arrivals:
            return list(self._batches)

    @property
    def requests(self) -> list[CollectedRequest]:
        """Every request that came, taken or not."""
        with self._arrivals:
            return list(self._requests)

    @property
    def refused(self) -> list[tuple[bytes, str]]:
        """The lines for which a request got 400, each with the reason; one a request."""
        with self._arrivals:
            return list(self._refused)

    def answer(self, *statuses: int, headers: Mapping[str, str] | None = None, delay_s: float = 0.0) -> None:
        """Answer the next requests with *statuses*, one each, then 200 again.

        Args:
            *statuses: HTTP statuses; records are kept for those from 200 to 299 only.
            headers: Sent with each of these answers.
            delay_s: Seconds to wait before each of them; closing ends the wait.
        """
        self._script.add(*(Answer(status, dict(headers or {}), delay_s) for status in statuses))

    def hang_up(self, times: int = 1) -> None:
        """Read the next *times* requests, then close their connections without an answer."""
        self._script.add(*(Answer(None) for _ in range(times)))

    def wait_until(self, predicate: Callable[[], bool], timeout_s: float = 5.0) -> bool:
        """Return True as soon as *predicate* holds, looking at every request; False after *timeout_s*."""
        return self._arrivals.wait_until(predicate, timeout_s)

    def _number_connection(self) -> int:
        with self._arrivals:
            self._connections += 1
            return self._connections

    def _take(self, handler: "_Handler", body: bytes) -> Answer:
        """Keep one request with what it is answered, which the client learns only afterwards."""
        answer = self._script.take()
        if answer.delay_s and self._closing.wait(answer.delay_s):
            answer = Answer(None)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        batch: list[dict[str, object]] | None = None
        refusal: BodyRefusedError | None = None
        if handler.command != "POST":
            answer = Answer(405, {"Allow": "POST"})
        elif answer.status is not None and 200 <= answer.status < 300:
            try:
                batch = read_body(body, headers.get("content-encoding", "identity"))
            except BodyRefusedError as error:
                refusal = error
                answer = Answer(400)
        with self._arrivals:
            self._requests.append(
                CollectedRequest(
                    handler.command,
                    handler.path,
                    headers,
                    len(body),
                    handler.connection_number,
                    answer.status,
                )
            )
            if batch is not None:
                self._batches.append(batch)
            if refusal is not None:
                self._refused.append((refusal.line, refusal.reason))
            self._arrivals.announce()
        return answer


class _Handler(QuietHandler):
    """One connection to a `Collector`."""

    def __init__(
        self, collector: Collector, connection: socket.socket, client_address: object, server: HTTPServer
    ) -> None:
        self._collector = collector
        self.connection_number = collector._number_connection()
        super().__init__(connection, client_address, server)

    def do_POST(self) -> None:  # noqa: N802 - the standard library's name
        """Read one request and answer it."""
        length = self.headers.get("Content-Length", "0" if self.command == "GET" else "")
        if not length.isdecimal():
            self.send_error(411)
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):  # the client gave up; what came may still look whole
            self.close_connection = True
            return
        answer = self._collector._take(self, body)
        if answer.status is None:
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in _WITHOUT_BODY:
            self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PUT = do_POST  # noqa: N815 - kept and answered 405, so that a redirect that was followed shows
