"""Spools that end with their test, clocks turned by hand, and scripts in processes of their own."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

from queue_telemetry._runtime import Clock
from queue_telemetry.logs.spool import Place, Spool

_PRELUDE = """
import os, sys
from pathlib import Path
from queue_telemetry._runtime import SYSTEM_CLOCK
from queue_telemetry.logs.spool import Spool

folder = Path(sys.argv[1])

def make_spool(**kwargs):
    return Spool(folder, "dest", max_bytes=1 << 28, clock=SYSTEM_CLOCK, **kwargs)
"""


class Hands:
    """A clock turned by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.clock = Clock(monotonic=lambda: self.now_s, time=lambda: 1_700_000_000.0 + self.now_s)


@dataclass
class Folder:
    """A spool's folder, and the spools on it."""

    path: Path
    hands: Hands
    spools: list[Spool] = field(default_factory=list)

    def spool(self, *, max_bytes: int = 1 << 28, owner: object | None = None) -> Spool:
        made = Spool(self.path, "dest", max_bytes=max_bytes, clock=self.hands.clock, owner=owner)
        self.spools.append(made)
        return made

    def files(self, pattern: str = "*.seg") -> list[Path]:
        return sorted(self.path.glob(f"dest/*/{pattern}"))

    def directories(self) -> list[Path]:
        return sorted(self.path.glob("dest/*"))

    def left_by_a_dead_process(self, *frames: bytes) -> None:
        """Leave a directory with one frame for each of *frames*, of as many records as lines."""
        spool = self.spool()
        for lines in frames:
            assert spool.write(lines, lines.count(b"\n")) is not None
        spool.close()


def adopted_by(spool: Spool) -> list[Place]:
    """Adopt all there is."""
    places: list[Place] = []
    while (more := spool.adopt()) is not None:
        places += more
    return places


def lines_of(spool: Spool, places: list[Place]) -> bytes:
    """Read places that must all be readable."""
    found = [spool.read(place) for place in places]
    return b"".join(bytes(lines) for lines, _ in (pair for pair in found if pair is not None))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path / "spool", Hands())
    yield made
    for spool in made.spools:
        spool.close()


@pytest.fixture
def adopt_all() -> Callable[[Spool], list[Place]]:
    return adopted_by


@pytest.fixture
def read_all() -> Callable[[Spool, list[Place]], bytes]:
    return lines_of


class Process:
    """A script in a process of its own, spoken to by lines."""

    def __init__(self, folder: Path, body: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _PRELUDE + body, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.out: IO[bytes] = self.process.stdout  # type: ignore[assignment]  # a pipe was asked for

    def line(self) -> bytes:
        return self.out.readline().strip()

    def rest(self) -> bytes:
        return self.out.read()

    def tell(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def end(self) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(10)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


@pytest.fixture
def start(folder: Folder) -> Iterator[Callable[[str], Process]]:
    """Start a script that has `make_spool` and `folder`; it is killed at the end."""
    started: list[Process] = []

    def begin(body: str) -> Process:
        started.append(Process(folder.path, body))
        return started[-1]

    yield begin
    for process in started:
        process.end()


@pytest.fixture
def descriptors() -> Callable[[], int]:
    """Count this process's open descriptors."""
    return lambda: sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture(autouse=True)
def fresh_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets each test hear what an earlier one already heard this minute."""
    monkeypatch.setattr("queue_telemetry._runtime.log._last", {})
