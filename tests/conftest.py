"""Keeps every test away from the environment it runs in, and from threads and log handlers of the test before."""

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from loguru import logger

# A machine's bad moment is no failure of the code, so there is no deadline. .ci/run hunts as well.
settings.register_profile("suite", max_examples=40, deadline=None)
settings.register_profile("hunt", max_examples=400, deadline=None)
settings.load_profile("suite")

# Hundreds of interpreters load the library: where images forbid byte code, each would compile all of it.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

_SETTINGS = ("QUEUE_TELEMETRY_", "DD_", "STATSD_")
_ENDS_WITHIN_S = 5.0


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No setting from outside, no `.env` where the test runs, and no process of another test in the default folder."""
    temporary = tempfile.mkdtemp(prefix="qt-")  # of a short name, since sockets' names have to be
    monkeypatch.setenv("TMPDIR", temporary)
    monkeypatch.setattr(tempfile, "tempdir", None)
    for name in [name for name in os.environ if name.startswith(_SETTINGS)]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    yield
    shutil.rmtree(temporary, ignore_errors=True)


@pytest.fixture(autouse=True)
def _no_log_handler() -> Iterator[None]:
    """Loguru without handlers: its usual one writes every variable of every frame to stderr."""
    logger.remove()
    yield
    logger.remove()


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Every thread of the library that a test starts has to end with it."""
    before = set(threading.enumerate())
    yield
    left = [
        thread
        for thread in threading.enumerate()
        if thread not in before and thread.name.startswith("queue_telemetry")
    ]
    for thread in left:
        thread.join(_ENDS_WITHIN_S)
    assert [] == [thread.name for thread in left if thread.is_alive()]
