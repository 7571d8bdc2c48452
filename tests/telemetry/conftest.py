"""Real receivers on loopback, telemetries that end with their test, and scripts in processes of their own."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry._runtime import log
from queue_telemetry.telemetry import Telemetry
from queue_telemetry.testing import Collector, StatsdServer

_PRELUDE = """
import faulthandler; faulthandler.enable()
import json, os, signal, sys, threading, time
from loguru import logger
logger.remove()
import queue_telemetry as qt

def say(**values):
    os.write(1, json.dumps(values).encode() + b"\\n")
"""
_STRICT = ["-W", "error", "-W", "ignore::DeprecationWarning"]  # 3.12 deprecates forks beside threads
_OURS = ("QUEUE_TELEMETRY_", "DD_", "STATSD_")


@dataclass
class Ended:
    """A script's process after its end: what it said, line by line, and how long it took."""

    said: list[dict[str, Any]]
    stderr: str
    code: int
    seconds: float


RunScript = Callable[..., Ended]
MakeTelemetry = Callable[..., Telemetry]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings from outside, and each test hears its own warnings."""
    for name in os.environ:
        if name.upper().startswith(_OURS):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(log, "_last", {})


@pytest.fixture
def statsd() -> Iterator[StatsdServer]:
    with StatsdServer(dialect="datadog") as server:
        yield server


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        yield server


@pytest.fixture
def settings(statsd: StatsdServer, collector: Collector, tmp_path: Path) -> dict[str, object]:
    """Settings that send to the two receivers."""
    return {
        "statsd_host": statsd.host,
        "statsd_port": statsd.port,
        "statsd_dialect": "datadog",
        "log_url": collector.url,
        "log_linger_s": 0.05,
        "state_dir": str(tmp_path / "state"),
    }


@pytest.fixture
def make_telemetry(settings: dict[str, object]) -> Iterator[MakeTelemetry]:
    made: list[Telemetry] = []

    def make(*, capture_logs: bool = False, **overrides: object) -> Telemetry:
        telemetry = Telemetry(capture_logs=capture_logs, **{**settings, **overrides})
        made.append(telemetry)
        return telemetry

    yield make
    for telemetry in made:
        telemetry.close(2.0)


@pytest.fixture
def telemetry(make_telemetry: MakeTelemetry) -> Telemetry:
    return make_telemetry()


@pytest.fixture
def run_script(tmp_path: Path, settings: dict[str, object]) -> RunScript:
    """Run a script against the receivers, with warnings as errors; it must write nothing to stderr."""

    def run(
        body: str,
        *,
        code: int = 0,
        quiet: bool = True,
        prelude: str = _PRELUDE,
        timeout_s: float = 15.0,
        options: tuple[str, ...] = (),
        **overrides: object,
    ) -> Ended:
        path = tmp_path / "script.py"
        path.write_text(prelude + textwrap.dedent(body))
        variables = {
            f"QUEUE_TELEMETRY_{name.upper()}": str(value)
            for name, value in {**settings, **overrides}.items()
            if value is not None
        }
        clean = {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}
        began_s = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *_STRICT, *options, str(path)],
            env={**clean, **variables},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(
                process.pid, signal.SIGABRT
            )  # its own group, with its children; each shows where it hangs
            stdout, stderr = process.communicate()
            pytest.fail(f"the script hangs\n{stderr}")
        said = [json.loads(line) for line in stdout.splitlines()]
        ended = Ended(said, stderr, process.returncode, time.monotonic() - began_s)
        assert (code, "") == (ended.code, ended.stderr if quiet else ""), ended.stderr
        return ended

    return run
