"""Workers of every start method that end in every way: what a call returned for is on disk, and the next process sends it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from queue_telemetry.testing import Collector

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]

_RECORDS = 300
_SCRIPT = """
import multiprocessing, os, signal, sys, time
import queue_telemetry as qt
from loguru import logger

METHOD, ENDING, RECORDS = sys.argv[1], sys.argv[2], int(sys.argv[3])

def work():
    qt.configure()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
    for number in range(RECORDS):
        logger.info("said", n=number)
    if ENDING == "os._exit":
        os._exit(0)
    os.kill(os.getpid(), getattr(signal, ENDING))
    time.sleep(30)

if __name__ == "__main__":
    qt.configure()
    logger.info("parent")
    worker = multiprocessing.get_context(METHOD).Process(target=work)
    worker.start()
    worker.join(30)
    assert worker.exitcode is not None
    # a process of its own takes over at its start what is left
    qt.close(5.0)
    qt.configure()
    logger.info("heir")
    sys.stdin.readline()
    qt.close(5.0)
"""


@pytest.mark.parametrize("ending", ["os._exit", "SIGTERM", "SIGINT", "SIGKILL"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_all_that_was_said_arrives(tmp_path: Path, method: str, ending: str) -> None:
    script = tmp_path / "worker.py"
    script.write_text(_SCRIPT)
    with Collector() as collector:
        environment = {
            **os.environ,
            "QUEUE_TELEMETRY_LOG_URL": collector.url,
            "QUEUE_TELEMETRY_LOG_DURABILITY": "wal",
            "QUEUE_TELEMETRY_LOG_SPOOL_DIR": str(tmp_path / "spool"),
            "QUEUE_TELEMETRY_STATE_DIR": str(tmp_path / "state"),
            "QUEUE_TELEMETRY_TASK_LOGS": "none",
        }
        with subprocess.Popen(
            [sys.executable, str(script), method, ending, str(_RECORDS)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        ) as process:
            try:
                expected = {*range(_RECORDS), "parent", "heir"}

                def came() -> list[object]:
                    return [record.get("n", record["message"]) for record in collector.records]

                arrived = collector.wait_until(lambda: expected <= set(came()), 30.0)
                _, errors = process.communicate(b"\n", timeout=20)
            finally:
                process.kill()

    assert arrived, errors
    assert 0 == process.returncode, errors
    numbers = [number for number in came() if isinstance(number, int)]
    assert len(numbers) <= 2 * _RECORDS  # its one batch may come twice
    assert list(range(_RECORDS)) == list(dict.fromkeys(numbers))
