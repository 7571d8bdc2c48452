"""Runs the command line in a process of its own, away from the environment and the files of who runs the tests."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    foreign = ("QUEUE_TELEMETRY_", "DD_", "STATSD_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "COLUMNS": "80", "TMPDIR": str(tmp_path)}


@pytest.fixture
def python(environment: Mapping[str, str], tmp_path: Path) -> Run:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            text=True,
            timeout=15,
            env=environment,
            cwd=tmp_path,
            check=False,
        )

    return run
