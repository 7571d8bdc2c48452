"""Applications of the library in processes of their own, and a table of what each server stored of their work."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

_HERE: Final = Path(__file__).parent
_ENDS_WITHIN_S: Final = 10.0
_SEND: Final = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    sender.sendto(sys.argv[2].encode(), ("127.0.0.1", int(sys.argv[1])))
"""
_ROWS: Final = pytest.StashKey[list[tuple[str, ...]]]()
_HEADER: Final = ("server", "dialect", "what it stored", "expected", "stored")

Values = dict[str, float]


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


@pytest.fixture
def run_application(
    tmp_path: Path, clean_environment: dict[str, str]
) -> Iterator[Callable[..., Application]]:
    """Run processes that work through the library and wait until all have flushed; they end with the test."""
    with ExitStack() as stack:

        def run(
            settings: Mapping[str, object],
            *,
            plans: Sequence[Mapping[str, object]] = ({},),
            inside: Sequence[str] = (),
            script: str = "workload.py",
        ) -> Application:
            application = Application()
            stack.callback(application.kill)
            given = {"state_dir": str(tmp_path / "state"), **settings}
            for plan in plans:
                python = [sys.executable, "-W", "error", str(_HERE / script)]
                application.processes.append(
                    subprocess.Popen(
                        [*inside, *python, json.dumps(given), json.dumps(plan)],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        cwd=tmp_path,
                        env=clean_environment,
                        text=True,
                    )
                )
            for process in application.processes:
                assert process.stdout is not None
                application.reports.append(json.loads(process.stdout.readline()))
            return application

        yield run


@pytest.fixture(scope="session")
def send_line() -> Callable[..., None]:
    """Send one line by UDP as it is, past the library: to see that a server tells of what it cannot read."""

    def send(port: int, line: str, *, inside: Sequence[str] = ()) -> None:
        subprocess.run([*inside, sys.executable, "-c", _SEND, str(port), line], check=True)

    return send


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


@pytest.fixture
def assert_four_processes_keep_theirs(
    run_application: Callable[..., Application], assert_stored: Callable[..., None]
) -> Callable[..., None]:
    """Have four processes at once count and set gauges, then end: none overwrites another's, and counts add up.

    Which process got which slot is chance, so their balances are compared in order.
    """

    def compare(
        what: tuple[str, str],
        read: Callable[[], Values],
        settings: Mapping[str, object],
        *,
        balances: Sequence[str],
        workers: Sequence[str],
        completed: str,
        inside: Sequence[str] = (),
    ) -> None:
        plans = [{"rounds": 10, "tasks": 30, "slots": 2, "balance": balance} for balance in (-1, -2, -3, -4)]
        application = run_application(settings, plans=plans, inside=inside)

        def stored() -> Values:
            values = read()
            in_order = sorted(values.get(balance, 0.0) for balance in balances)
            return {**values, **{f"balance {place} of 4": value for place, value in enumerate(in_order, 1)}}

        kept = {f"balance {place} of 4": place - 5.0 for place in range(1, 5)}
        assert_stored(what, {**kept, **dict.fromkeys(workers, 1.0), completed: 1200.0}, stored)
        application.end()
        assert_stored((what[0], f"{what[1]}, closed"), {**kept, **dict.fromkeys(workers, 0.0)}, stored)

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
