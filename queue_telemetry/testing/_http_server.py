"""A small HTTP/1.1 server on loopback whose connections and threads all end with it."""

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final

__all__ = ["LoopbackHttpServer", "QuietHandler"]

_POLL_S: Final = 0.02  # how soon serve_forever sees a shutdown


class QuietHandler(BaseHTTPRequestHandler):
    """Keeps connections alive, answers without delay and writes no log lines."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # on a kept connection an answer would wait for the client's delayed ACK

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Say nothing; the owner keeps what came."""


class LoopbackHttpServer(HTTPServer):
    """Serves each connection on a thread of its own, on 127.0.0.1 and a port that the kernel chose.

    The standard `ThreadingHTTPServer` leaves kept connections, and the threads that read them, open after it closes.
    The list of connections belongs to the accepting thread, and to `close()` once that thread has ended.

    Args:
        serve: Handles one connection to its end: called with its socket, its address and this server.
    """

    request_queue_size = 128  # the standard 5 makes a sixth client that connects at once wait a second

    def __init__(self, serve: Callable[[socket.socket, object, HTTPServer], object]) -> None:
        super().__init__(("127.0.0.1", 0), BaseHTTPRequestHandler)
        self._serve = serve
        self._connections: list[tuple[socket.socket, threading.Thread]] = []
        self._accepting = threading.Thread(
            target=self.serve_forever, args=(_POLL_S,), name="queue_telemetry-http-server", daemon=True
        )

    def start(self) -> None:
        """Begin to accept connections."""
        self._accepting.start()

    def close(self, timeout_s: float) -> None:
        """Stop accepting, cut every connection, and wait for their threads. Idempotent."""
        deadline_s = time.monotonic() + timeout_s
        if self._accepting.is_alive():
            self.shutdown()
            self._accepting.join(timeout_s)
        self.server_close()
        for connection, _ in self._connections:
            with contextlib.suppress(OSError):  # it has ended by itself
                connection.shutdown(socket.SHUT_RDWR)
        for _, thread in self._connections:
            thread.join(max(deadline_s - time.monotonic(), 0.0))

    def server_bind(self) -> None:
        """Bind without the reverse DNS lookup that `HTTPServer` makes for its name."""
        socketserver.TCPServer.server_bind(self)
        self.server_name = "127.0.0.1"
        self.server_port = self.socket.getsockname()[1]

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Hand one accepted connection to a thread of its own."""
        thread = threading.Thread(
            target=self._serve_connection,
            args=(request, client_address),
            name="queue_telemetry-http-connection",
            daemon=True,
        )
        thread.start()
        self._connections = [one for one in self._connections if one[1].is_alive()]
        self._connections.append((request, thread))

    def _serve_connection(self, connection: socket.socket, client_address: object) -> None:
        try:
            self._serve(connection, client_address, self)
        except OSError:  # the client went away, or close() cut the connection
            pass
        finally:
            self.shutdown_request(connection)
