"""Serves the health endpoints of a finished demo until Ctrl-C."""

from wsgiref.simple_server import WSGIRequestHandler, make_server

from rich.console import Console

import queue_telemetry as qt

__all__ = ["serve_health"]


class _QuietHandler(WSGIRequestHandler):
    """Writes no line a request."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Say nothing."""


def serve_health(console: Console) -> None:
    """Serve on 127.0.0.1, on a port that the kernel chose, and print the URL."""
    with make_server("127.0.0.1", 0, qt.wsgi_app, handler_class=_QuietHandler) as server:
        console.print(
            f"Health at http://127.0.0.1:{server.server_port}/healthz, until Ctrl-C", soft_wrap=True
        )
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return
