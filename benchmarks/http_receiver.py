"""A log collector on loopback that counts records, in a process of its own so that its CPU time is not ours."""

import gzip
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from typing_extensions import override

__all__ = ["MARK", "collecting", "records_at"]

MARK: Final = "logged in from"
"""Is in the message of each record, which every format has in it once."""

_LOOPBACK: Final = "127.0.0.1"
_SLOW_S: Final = 1.0
_PATIENCE_S: Final = 60.0


@contextmanager
def collecting() -> Generator[str]:
    """Have a collector run inside the block; gives its URL.

    Any path is taken. One that ends in `/slow` is answered after a second, one that ends in `/hung` never.
    """
    with subprocess.Popen([sys.executable, "-m", __name__], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield f"http://{_LOOPBACK}:{int(process.stdout.readline())}"
        finally:
            process.kill()


def records_at(url: str, *, at_least: int = 0) -> int:
    """Return how many records the collector got, as soon as it has so many; after a minute in any case."""
    with urllib.request.urlopen(f"{url}/{at_least}", timeout=2 * _PATIENCE_S) as answer:
        return int(answer.read())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    records = 0
    arrival = threading.Condition()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path.endswith("/hung"):
            threading.Event().wait()  # until this process is killed
        if self.path.endswith("/slow"):
            threading.Event().wait(_SLOW_S)
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        with self.arrival:
            type(self).records += body.count(MARK.encode())
            self.arrival.notify_all()
        self._answer(b"")

    def do_GET(self) -> None:
        wanted = int(self.path.rpartition("/")[2])
        with self.arrival:
            self.arrival.wait_for(lambda: self.records >= wanted, _PATIENCE_S)
        self._answer(str(type(self).records).encode())

    @override
    def log_message(self, *_: object) -> None:
        """Say nothing: each line would cost more than the request."""

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        with suppress(ConnectionError):  # who waited in vain has gone
            self.end_headers()
            self.wfile.write(body)


def _collect() -> None:
    server = ThreadingHTTPServer((_LOOPBACK, 0), _Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _collect()
