"""Log collectors and proxies nobody here wrote: found or the test is skipped, on free ports of loopback, ended by their handle."""

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
from loguru import logger

from queue_telemetry import Telemetry
from queue_telemetry._runtime import log

_SERVERS: Final = Path(sys.prefix) / "servers"
_REQUIRED: Final = "ACCEPTANCE_REQUIRED"
_SETTINGS: Final = ("QUEUE_TELEMETRY_", "DD_", "STATSD_")
_ENDS_WITHIN_S: Final = 10.0
_POLL_S: Final = 0.02


@dataclass
class Server:
    """A server's process and what it writes."""

    process: subprocess.Popen[bytes]
    log: Path

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(_ENDS_WITHIN_S)


@dataclass
class Shipped:
    """A telemetry whose logs go to a server, and what became of them by its own account."""

    telemetry: Telemetry
    until: Callable[..., Any]

    def log(self, count: int, text: str = "", **fields: object) -> None:
        """Log *count* records through loguru, numbered from 0 by the key `n`."""
        for number in range(count):
            logger.bind(n=number, **fields).info("record {}{}", number, text)

    def logs(self) -> dict[str, Any]:
        """Read the account; it has to be balanced at any moment."""
        logs: dict[str, Any] = dict(self.telemetry.health().telemetry["logs"])
        given_up = sum(logs["dropped"].values())
        assert logs["accepted"] + logs.get("adopted", 0) == logs["delivered"] + given_up + logs["pending"]
        assert logs["pending"] >= 0
        return logs

    def deliver(self, timeout_s: float = 20.0) -> dict[str, Any]:
        """Flush until nothing is pending; return the account."""
        assert self.until(lambda: self.telemetry.flush(0.5), timeout_s), self.logs()
        return self.logs()

    def wait_for(self, key: str, least: int = 1) -> dict[str, Any]:
        """Wait until the account's number under *key* is at least that; return the account."""
        assert self.until(lambda: self.logs()[key] >= least), self.logs()
        return self.logs()


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Loguru without handlers of its own, and each test hears its own warnings."""
    monkeypatch.setattr(log, "_last", {})
    logger.remove()
    yield
    logger.remove()


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
    """Return the path of a server, by its command or where `.ci/install-log-servers` puts it."""

    def find(name: str, pattern: str | None = None) -> str:
        everywhere = f"{os.environ.get('PATH', '')}:/usr/sbin"
        found: str | Path | None = shutil.which(name, path=everywhere)
        if pattern is not None:
            found = next(_SERVERS.glob(pattern), None)
        if found is None:
            lacking(f"{name} is not installed: .ci/install-log-servers does that")
        return str(found)

    return find


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
    tmp_path_factory: pytest.TempPathFactory, until: Callable[..., Any]
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
            output_log = tmp_path_factory.mktemp(name) / "output.log"
            clean = {key: value for key, value in os.environ.items() if not key.startswith(_SETTINGS)}
            with output_log.open("wb") as output:
                process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=output_log.parent,
                    env={**clean, **(variables or {})},
                )
            server = Server(process, output_log)
            stack.callback(server.stop)
            ready = until(lambda: process.poll() is not None or is_ready(server))
            assert ready, f"{name} did not start\n{server.text()}"
            assert process.poll() is None, f"{name} ended\n{server.text()}"
            return server

        yield start


@pytest.fixture
def ship(
    tmp_path: Path, until: Callable[..., Any], free_port: Callable[..., int]
) -> Iterator[Callable[..., Shipped]]:
    """Return a telemetry that ships every loguru record with these settings; it ends with the test."""
    with ExitStack() as stack:

        def make(**settings: object) -> Shipped:
            usual: dict[str, object] = {
                "log_linger_s": 0.05,
                "state_dir": str(tmp_path / "state"),
                "statsd_port": free_port(socket.SOCK_DGRAM),
            }
            telemetry = Telemetry(capture_logs=True, **{**usual, **settings})
            stack.callback(telemetry.close, 2.0)
            telemetry.counter("awake").increment()  # its first event adds the sink
            return Shipped(telemetry, until)

        yield make
