"""Serves the health endpoints of a finished demo until Ctrl-C."""

import threading
from typing import Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from rich.console import Console

import queue_telemetry as qt

__all__ = ["serve_health"]

_POLL_S: Final = 0.1  # how soon a shutdown is seen
_JOIN_S: Final = 5.0


class _QuietHandler(WSGIRequestHandler):
    """Writes no line a request."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Say nothing."""


def serve_health(console: Console) -> None:
    """Serve on 127.0.0.1, on a port that the kernel chose, and print the URL."""
    with make_server("127.0.0.1", 0, qt.wsgi_app, handler_class=_QuietHandler) as server:
        # on a thread of its own, for the standard handler swallows an interrupt that comes during a request
        serving = threading.Thread(target=server.serve_forever, args=(_POLL_S,), name="healthz", daemon=True)
        serving.start()
        try:
            console.print(
                f"Health at http://127.0.0.1:{server.server_port}/healthz until Ctrl-C", soft_wrap=True
            )
            serving.join()
        except KeyboardInterrupt:
            server.shutdown()
            serving.join(_JOIN_S)
