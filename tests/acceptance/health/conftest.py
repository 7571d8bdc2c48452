"""Workers whose probes are asked by what runs in production, and a table of what it said at each step."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

_HERE: Final = Path(__file__).parent
_ROWS: Final = pytest.StashKey[dict[str, list[tuple[str, ...]]]]()
_ENDS_WITHIN_S: Final = 10.0


@dataclass
class Worker:
    """A process that does what it is told, one line each."""

    process: subprocess.Popen[str]

    def tell(self, *words: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def end(self) -> None:
        self.process.communicate("end\n", timeout=_ENDS_WITHIN_S)
        assert 0 == self.process.returncode

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def start_worker(tmp_path: Path, clean_environment: dict[str, str]) -> Iterator[Callable[..., Worker]]:
    """Start a worker with these settings; it ends with the test."""
    with ExitStack() as stack:

        def start(settings: Mapping[str, object], *arguments: str) -> Worker:
            worker = Worker(
                subprocess.Popen(
                    [
                        sys.executable,
                        "-W",
                        "error",
                        str(_HERE / "worker.py"),
                        json.dumps(settings),
                        *arguments,
                    ],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    cwd=tmp_path,
                    env=clean_environment,
                    text=True,
                )
            )
            stack.callback(worker.kill)
            assert "ready" == worker.tell("begin")
            return worker

        yield start


@pytest.fixture(scope="session")
def ask() -> Callable[..., tuple[int, str]]:
    """Ask a URL; return the status and the body."""

    def get(url: str, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(url, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return get


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Put a row into the table of this title, which the summary shows."""

    def add(title: str, *cells: object) -> None:
        request.config.stash.setdefault(_ROWS, {}).setdefault(title, []).append(tuple(map(str, cells)))

    return add


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Show what was said at each step."""
    for title, rows in config.stash.get(_ROWS, {}).items():
        terminalreporter.section(title)
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            terminalreporter.write_line("  ".join(cells).rstrip())
