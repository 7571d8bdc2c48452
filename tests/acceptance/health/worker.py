"""A worker whose probes are served, beside a web server that says its name; does what its standard input says.

Run as `python worker.py SETTINGS [NAME HOST PORT]`.
"""

import json
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from queue_telemetry import Run, Telemetry


class Refused(Exception):
    """What a broker says."""


class Worker:
    """What can be done, each under its word."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self.running: list[Run] = []

        @telemetry.task("send", queue="mail")
        def send() -> None: ...

        @telemetry.task("fail", queue="mail")
        def fail() -> None:
            raise ValueError

        @telemetry.task("again", queue="mail", retry_on=Refused)
        def again() -> None:
            raise Refused

        self._send, self._fail, self._again = send, fail, again

    def begin(self, _: int) -> None:
        self.telemetry.queue_size("mail").set(42)
        self.telemetry.oldest_task_age("mail").set(7)

    def drain(self, _: int) -> None:
        self.telemetry.drain()

    def busy(self, count: int) -> None:
        while len(self.running) > count:
            self.running.pop().finish(None)
        while len(self.running) < count:
            self.running.append(self.telemetry.run("long", queue="mail").start())

    def work(self, count: int) -> None:
        for _ in range(count):
            with self.telemetry.enqueue("send", queue="mail") as publish:
                headers = publish.headers
            with self.telemetry.claim("mail") as claim:
                claim.took("send", headers=headers)
                self._send()

    def fail(self, count: int) -> None:
        for _ in range(count):
            with suppress(ValueError):
                self._fail()

    def retry(self, count: int) -> None:
        for _ in range(count):
            with suppress(Refused):
                self._again()

    def refuse(self, count: int) -> None:
        for _ in range(count):
            with suppress(Refused), self.telemetry.enqueue("send", queue="mail"):
                raise Refused

    def starve(self, count: int) -> None:
        for _ in range(count):
            with self.telemetry.claim("mail"):
                pass


def main() -> None:
    """Open four slots, then do what is said."""
    telemetry = Telemetry(**json.loads(sys.argv[1]), task_logs="none")
    if sys.argv[2:]:
        serve_name(*sys.argv[2:])
    worker = Worker(telemetry)
    with telemetry.worker("w", slots=4):
        for line in sys.stdin:
            what, *numbers = line.split()
            if what == "end":
                break
            getattr(worker, what)(int(numbers[0]) if numbers else 1)
            telemetry.flush()
            sys.stdout.write("ready\n")
            sys.stdout.flush()
        worker.busy(0)
    telemetry.close()


def serve_name(name: str, host: str, port: str) -> None:
    """Answer every request with the worker's name."""

    class Name(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(name)))
            self.end_headers()
            self.wfile.write(name.encode())

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer((host, int(port)), Name)
    threading.Thread(target=server.serve_forever, daemon=True).start()


main()
