"""Processes that are killed while they log ahead of the network: what their logger calls returned for is in the table."""

import json
import os
import random
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

_ROUNDS = 12
_SETTINGS = ("QUEUE_TELEMETRY_", "DD_", "STATSD_")
_BATCH_BYTES = 8192
_LEAST_RECORD_BYTES = 250


def test_what_was_logged_before_a_kill_is_stored(
    table: Any, free_port: Callable[..., int], tmp_path: Path
) -> None:
    """The table is made after two rounds: until then records wait on disk, from one process to the next."""
    settings = {
        "log_url": table.url(),
        "log_linger_s": 0.02,
        "log_batch_bytes": _BATCH_BYTES,
        "log_durability": "wal",
        "log_spool_dir": str(tmp_path / "spool"),
        "state_dir": str(tmp_path / "state"),
        "statsd_port": free_port(socket.SOCK_DGRAM),
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}

    def start(first: int, count: int) -> subprocess.Popen[bytes]:
        writer = [sys.executable, str(Path(__file__).parent / "writer.py")]
        return subprocess.Popen(
            [*writer, json.dumps(settings), str(first), str(count)],
            stdout=subprocess.PIPE,
            env=clean,
            cwd=tmp_path,
        )

    chance = random.Random()
    returned: list[int] = []
    first = 0
    for number in range(_ROUNDS):
        if number == 2:
            table.create()
        process = start(first, 1_000_000)
        assert process.stdout is not None
        least = chance.randrange(1, 3_000)
        lines = [process.stdout.readline() for _ in range(least)]
        process.kill()
        lines += process.stdout.read().splitlines(keepends=True)
        process.stdout.close()
        process.wait()
        numbers = [int(line) for line in lines if line.endswith(b"\n")]
        returned += numbers
        first = numbers[-1] + 10
    last = start(first, 0)
    last.communicate(timeout=60)

    assert 0 == last.returncode
    rows = [row for row in table.rows() if row["message"].startswith("record ")]
    stored = Counter(row["n"] for row in rows)
    assert set() == set(returned) - stored.keys()
    doubled = sum(stored.values()) - len(stored)
    assert doubled <= _ROUNDS * _BATCH_BYTES / _LEAST_RECORD_BYTES
    assert [] == list((tmp_path / "spool").rglob("*.seg"))
