"""An environment without any variable that settings read, and a working directory without a `.env` file."""

import os
from pathlib import Path

import pytest

from queue_telemetry._runtime import log


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.upper().startswith(("QUEUE_TELEMETRY_", "DD_", "STATSD_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(log, "_last", {})  # each test hears its own warnings
