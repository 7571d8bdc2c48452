"""Servers nobody here wrote: found or the test is skipped, started on free ports of loopback, ended by their handle."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

_HERE: Final = Path(__file__).parent
_SERVERS: Final = Path(sys.prefix) / "servers"
_ENDS_WITHIN_S: Final = 10.0
_POLL_S: Final = 0.05
_REQUIRED: Final = "ACCEPTANCE_REQUIRED"
_SETTINGS: Final = ("QUEUE_TELEMETRY_", "DD_", "STATSD_")
_ROWS: Final = pytest.StashKey[list[tuple[str, ...]]]()
_HEADER: Final = ("server", "dialect", "what it stored", "expected", "stored")

Values = dict[str, float]


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


@dataclass
class Application:
    """Processes that use the library: all of them hold their gauges until they are told to end."""

    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)

    def end(self) -> list[dict[str, Any]]:
        """Let every process close; return what became of its calls."""
        reports = []
        for process in self.processes:
            said, _ = process.communicate("end\n", timeout=_ENDS_WITHIN_S)
            assert 0 == process.returncode
            reports.append(json.loads(said))
        return reports

    def kill(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()


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
    """Return the path of a server, by its command or where `.ci/install-servers` puts it."""

    def find(name: str, path: Path | None = None) -> str:
        everywhere = f"{os.environ.get('PATH', '')}:/usr/sbin"
        found = shutil.which(name, path=everywhere) if path is None else str(_SERVERS / path)
        if found is None or not Path(found).exists():
            lacking(f"{name} is not installed: .ci/install-servers does that")
        return found

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
def free_port() -> Callable[[int], int]:
    """Return a port of loopback that nothing is bound to, for TCP or UDP."""

    def find(kind: int) -> int:
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


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
            log = tmp_path_factory.mktemp(name) / "output.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    cwd=log.parent,
                    env={**_clean_environment(), **(variables or {})},
                )
            server = Server(process, log)
            stack.callback(server.stop)
            ready = until(lambda: process.poll() is not None or is_ready(server))
            assert ready, f"{name} did not start\n{server.text()}"
            assert process.poll() is None, f"{name} ended\n{server.text()}"
            return server

        yield start


@pytest.fixture
def run_application(tmp_path: Path) -> Iterator[Callable[..., Application]]:
    """Run processes that work through the library and wait until all have flushed; they end with the test."""
    with ExitStack() as stack:

        def run(
            settings: Mapping[str, object],
            *,
            plans: Sequence[Mapping[str, object]] = ({},),
            inside: Sequence[str] = (),
        ) -> Application:
            application = Application()
            stack.callback(application.kill)
            given = {"state_dir": str(tmp_path / "state"), **settings}
            for plan in plans:
                script = [sys.executable, "-W", "error", str(_HERE / "workload.py")]
                application.processes.append(
                    subprocess.Popen(
                        [*inside, *script, json.dumps(given), json.dumps(plan)],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        cwd=tmp_path,
                        env=_clean_environment(),
                        text=True,
                    )
                )
            for process in application.processes:
                assert process.stdout is not None
                application.reports.append(json.loads(process.stdout.readline()))
            return application

        yield run


@pytest.fixture
def assert_stored(
    request: pytest.FixtureRequest, until: Callable[..., Any]
) -> Callable[[tuple[str, str], Values, Callable[[], Values]], None]:
    """Wait until a server stored what is expected and compare; the summary shows it as a table."""

    def compare(what: tuple[str, str], expected: Values, read: Callable[[], Values]) -> None:
        def stored() -> Values:
            values = read()
            return {name: values[name] for name in expected if name in values}

        until(lambda: stored() == expected)
        found = stored()
        rows = request.config.stash.setdefault(_ROWS, [])
        rows += [
            (*what, name, f"{value:g}", f"{found[name]:g}" if name in found else "nothing")
            for name, value in expected.items()
        ]
        assert expected == found

    return compare


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show each server, dialect and value that was compared."""
    rows = config.stash.get(_ROWS, [])
    if rows:
        terminalreporter.section("what the servers stored")
        table = [_HEADER, *sorted(rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for row in table:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            terminalreporter.write_line("  ".join(cells).rstrip())


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
