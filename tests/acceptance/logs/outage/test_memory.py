"""A collector that is dead for an hour's worth of records: memory stays under its limit and flat, whatever it dies of."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

_MIB = 1024 * 1024
_LIMIT_BYTES = 32 * _MIB
_STEPS = 10
_RECORDS = 60_000  # a step; two of them fill the memory, and all are one every six milliseconds for an hour
_SETTINGS = ("QUEUE_TELEMETRY_", "DD_", "STATSD_")


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that takes every connection and never says a word."""
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def keep() -> None:
            with suppress(OSError):
                while True:
                    kept.append(listener.accept()[0])

        keeping = threading.Thread(target=keep)
        keeping.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        keeping.join(5)
        for connection in kept:
            connection.close()


@pytest.mark.parametrize(
    ("fault", "durability", "log_format"),
    [
        ("refused", "memory", "ndjson"),
        ("silent", "memory", "ndjson"),
        ("refused", "spill", "ndjson"),
        ("refused", "memory", "otlp"),
    ],
)
def test_resident_memory_stays_under_the_limit_and_flat(
    fault: str,
    durability: str,
    log_format: str,
    black_hole: int,
    free_port: Callable[..., int],
    tmp_path: Path,
) -> None:
    port = black_hole if fault == "silent" else free_port()
    settings: dict[str, Any] = {
        "log_url": f"http://127.0.0.1:{port}/",
        "log_format": log_format,
        "log_max_memory_bytes": _LIMIT_BYTES,
        "state_dir": str(tmp_path / "state"),
        "statsd_port": free_port(socket.SOCK_DGRAM),
    }
    if durability != "memory":
        settings |= {"log_durability": durability, "log_spool_dir": str(tmp_path / "spool")}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    worker = [sys.executable, str(Path(__file__).parent / "worker.py")]

    ran = subprocess.run(
        [*worker, json.dumps(settings), str(_STEPS), str(_RECORDS)],
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env=clean,
        timeout=100,
        check=True,
    )

    said = [json.loads(line) for line in ran.stdout.splitlines()]
    before, *during = [one["resident_bytes"] for one in said]
    grown_mib = [round((bytes_ - before) / _MIB, 1) for bytes_ in during]
    assert max(grown_mib) <= 1.2 * _LIMIT_BYTES / _MIB, grown_mib
    assert max(during[4:]) <= 1.05 * max(during[2:4]), grown_mib
    for one in said:
        logs = one["logs"]
        given_up = sum(logs["dropped"].values())
        assert logs["accepted"] + logs.get("adopted", 0) == logs["delivered"] + given_up + logs["pending"]
    assert _STEPS * _RECORDS < said[-1]["logs"]["accepted"]
