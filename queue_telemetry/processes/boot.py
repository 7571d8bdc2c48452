"""What tells one process of a host from another, and one boot of the host from the next."""

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["boot_id", "start_ticks"]

_START_AFTER_COMM: Final = (
    19  # field 22 of /proc/<pid>/stat, counted from the one behind the name in parentheses
)


@cache
def boot_id() -> str:
    """Return what this boot of the host is called; empty where it has no name.

    The monotonic clock of one boot means nothing in another.

    Source: https://man7.org/linux/man-pages/man4/random.4.html (/proc/sys/kernel/random/boot_id)
    """
    with suppress(OSError, ValueError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return ""


def start_ticks() -> int:
    """Return when this process started, in clock ticks since the boot; 0 where nobody tells.

    With its id it names a process: ids are used again.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html (starttime)
    """
    with suppress(OSError, ValueError, IndexError):
        after_name = Path(f"/proc/{os.getpid()}/stat").read_bytes().rpartition(b")")[2]
        return int(after_name.split()[_START_AFTER_COMM])
    return 0
