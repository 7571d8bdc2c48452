"""Servers nobody here wrote: found or the test is skipped, started on free ports of loopback, ended by their handle."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

_SERVERS: Final = Path(sys.prefix) / "servers"
_ENDS_WITHIN_S: Final = 10.0
_POLL_S: Final = 0.02
_REQUIRED: Final = "ACCEPTANCE_REQUIRED"
_SETTINGS: Final = ("QUEUE_TELEMETRY_", "DD_", "STATSD_")


@dataclass
class Server:
    """A server's process and what it writes."""

    process: subprocess.Popen[bytes]
    log: Path

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def has_udp_port(self, port: int) -> bool:
        """Tell whether a UDP port is bound where the server runs, be that a network of its own."""
        bound = Path(f"/proc/{self.process.pid}/net/udp").read_text()
        return f":{port:04X} " in bound

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(_ENDS_WITHIN_S)


@pytest.fixture(scope="session")
def clean_environment() -> dict[str, str]:
    """Return the environment without any setting of the library."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}


@pytest.fixture(scope="session")
def until() -> Callable[..., Any]:
    """Ask again and again until the answer is true or the time is over; return the last answer."""

    def wait(ask: Callable[[], Any], timeout_s: float = 15.0) -> Any:
        pause, deadline_s = threading.Event(), time.monotonic() + timeout_s
        while not (answer := ask()) and time.monotonic() < deadline_s:
            pause.wait(_POLL_S)
        return answer

    return wait


@pytest.fixture(scope="session")
def lacking() -> Callable[[str], NoReturn]:
    """Skip the test for a reason; fail it where skipping is forbidden."""

    def skip(reason: str) -> NoReturn:
        if os.environ.get(_REQUIRED, "") not in {"", "0"}:
            pytest.fail(f"{reason} ({_REQUIRED} is set)")
        pytest.skip(reason)

    return skip


@pytest.fixture(scope="session")
def installed(lacking: Callable[[str], NoReturn]) -> Callable[..., str]:
    """Return the path of a server, by its command or by a pattern of where `.ci/install-servers` puts it."""

    def find(name: str, pattern: str | Path | None = None) -> str:
        everywhere = f"{os.environ.get('PATH', '')}:/usr/sbin"
        found: str | Path | None = shutil.which(name, path=everywhere)
        if pattern is not None:
            found = next(_SERVERS.glob(str(pattern)), None)
        if found is None:
            lacking(f"{name} is not installed: .ci/install-servers does that")
        return str(found)

    return find


@pytest.fixture(scope="session")
def free_port() -> Callable[..., int]:
    """Return a port of loopback that nothing is bound to, for TCP or UDP."""

    def find(kind: int = socket.SOCK_STREAM) -> int:
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


@pytest.fixture(scope="session")
def listens() -> Callable[[int], bool]:
    """Tell whether a TCP port of loopback takes connections."""

    def ask(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    return ask


@pytest.fixture(scope="session")
def start_server(
    tmp_path_factory: pytest.TempPathFactory, until: Callable[..., Any], clean_environment: dict[str, str]
) -> Iterator[Callable[..., Server]]:
    """Start a server and wait until it says that it is ready; all of them end with the session."""
    with ExitStack() as stack:

        def start(
            name: str,
            command: Sequence[str],
            is_ready: Callable[[Server], bool],
            *,
            variables: Mapping[str, str] | None = None,
        ) -> Server:
            log = tmp_path_factory.mktemp(name) / "output.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=log.parent,
                    env={**clean_environment, **(variables or {})},
                )
            server = Server(process, log)
            stack.callback(server.stop)
            ready = until(lambda: process.poll() is not None or is_ready(server))
            assert ready, f"{name} did not start\n{server.text()}"
            assert process.poll() is None, f"{name} ended\n{server.text()}"
            return server

        yield start
