"""Resident memory over an outage: what a process grows by while records come and none can be sent."""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import loguru

from benchmarks.table import at_most, print_table
from queue_telemetry import Telemetry

__all__ = ["compare"]

_LIMIT_BYTES: Final = 32 * 1024 * 1024  # the default
_BUDGET: Final = 1.2
_WARM_UP: Final = 2_000
_RECORDS: Final = 100_000  # somewhat more than the limit holds
_MIB: Final = 1024 * 1024


def compare(steps: int) -> None:
    """Measure and print the growth after each step of so many records, in a process of its own."""
    ran = subprocess.run([sys.executable, "-m", __name__, str(steps)], stdout=subprocess.PIPE, check=True)
    grown_bytes: list[int] = json.loads(ran.stdout)
    print_table(
        f"Resident memory with a dead collector and LOG_MAX_MEMORY_BYTES of {_LIMIT_BYTES // _MIB} MiB",
        ("records", "MiB grown", "of the limit", "budget", ""),
        [
            (f"{step * _RECORDS:,}", f"{grown / _MIB:.1f}", *at_most(grown / _LIMIT_BYTES, _BUDGET))
            for step, grown in enumerate(grown_bytes, 1)
        ],
    )


def _live_through(steps: int) -> list[int]:
    loguru.logger.remove()
    with TemporaryDirectory() as folder:
        telemetry = Telemetry(
            capture_logs=True,
            log_url="http://127.0.0.1:9/",  # nobody listens on the port of discard
            log_max_memory_bytes=_LIMIT_BYTES,
            task_logs="none",
            state_dir=Path(folder),
        )
        telemetry.health()  # wakes it
        _log(_WARM_UP)
        before = _resident_bytes()
        grown = []
        for _ in range(steps):
            _log(_RECORDS)
            grown.append(_resident_bytes() - before)
        accepted = telemetry.health().telemetry["logs"]["accepted"]
        telemetry.close(0.1)
    assert isinstance(accepted, int)
    if accepted < _WARM_UP + steps * _RECORDS:
        raise RuntimeError(f"only {accepted} records were taken")
    return grown


def _log(records: int) -> None:
    for number in range(records):
        loguru.logger.bind(queue="mail", order=number).info("order {} went to {}", number, "somewhere")


def _resident_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


if __name__ == "__main__":
    print(json.dumps(_live_through(int(sys.argv[1]))))
