import os
import re
import subprocess
import sys
import time
from pathlib import Path

from queue_telemetry.processes.boot import boot_id, start_ticks

_SCRIPT = "from queue_telemetry.processes.boot import *; print(boot_id(), start_ticks())"


def test_a_boot_has_one_name_in_all_processes() -> None:
    said = subprocess.check_output([sys.executable, "-c", _SCRIPT], text=True, timeout=15).split()

    assert boot_id() == said[0] == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert re.fullmatch(r"[0-9a-f-]{36}", boot_id())


def test_a_process_started_between_the_boot_and_now() -> None:
    ticks = start_ticks()

    assert 0 < ticks <= time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK") + 1
    assert ticks == start_ticks()


def test_another_process_started_at_another_time() -> None:
    said = subprocess.check_output([sys.executable, "-c", _SCRIPT], text=True, timeout=15).split()

    assert start_ticks() < int(said[1])


def test_a_name_with_parentheses_and_blanks_is_passed_over() -> None:
    """The kernel shows a process's name unescaped."""
    script = (
        "import ctypes; ctypes.CDLL(None).prctl(15, b'a) R (b 1 2', 0, 0, 0)\n"
        "from queue_telemetry.processes.boot import start_ticks; print(start_ticks())"
    )

    assert start_ticks() < int(subprocess.check_output([sys.executable, "-c", script], text=True, timeout=15))
