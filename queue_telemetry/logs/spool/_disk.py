"""What the disk refused: counted by the error's name, said outside of locks, and a pause after each refusal."""

import errno
import logging
import os
from pathlib import Path
from typing import Final

from queue_telemetry._runtime import Clock, say

__all__ = ["DiskTrouble", "check_reserve", "is_not_there", "is_passing"]

_PAUSE_S: Final = 30.0  # a full disk stays full for a while, and each try costs the caller some system calls
_PASSING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
_NOT_THERE: Final = frozenset({errno.ENOENT, errno.ELOOP, errno.EISDIR})  # nothing, or a link or a directory
_RESERVE_BYTES: Final = 256 * 1024 * 1024
_RESERVE_SHARE: Final = 0.05


class DiskTrouble:
    """Remembers what failed and when to write again.

    Args:
        folder: Where, for the line about it.
        clock: For the pause.

    Attributes:
        errors: How often each error came, by its name, such as ENOSPC.
        not_before_s: No write before that, in monotonic seconds; 0 when nothing is wrong.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.errors: dict[str, int] = {}
        self.not_before_s = 0.0
        self._folder = folder
        self._clock = clock
        self._unsaid: str | None = None

    def refused(self, error: OSError) -> None:
        """Count a write that failed and pause the next ones."""
        self.count(error)
        self.not_before_s = self._clock.monotonic() + _PAUSE_S

    def count(self, error: OSError) -> None:
        """Count what failed besides writing. Nothing is said here: the buffer's lock may be held."""
        name = errno.errorcode.get(error.errno or 0, "unknown")
        self.errors[name] = self.errors.get(name, 0) + 1
        self._unsaid = name

    def speak(self) -> None:
        """Say the last failure that was not said."""
        name, self._unsaid = self._unsaid, None
        if name is not None:
            reason = os.strerror(getattr(errno, name, 0))
            message = "the spool in %s failed: %s; records stay in memory meanwhile"
            say("spool", message, self._folder, reason, level=logging.ERROR)


def is_passing(error: OSError) -> bool:
    """Tell whether it is no one file's fault: descriptors or memory are short, so that the next one fails as well."""
    return error.errno in _PASSING


def is_not_there(error: OSError) -> bool:
    """Tell whether no file is there by that name. Whatever else is wrong, it may be there and be read another time."""
    return error.errno in _NOT_THERE


def check_reserve(descriptor: int) -> None:
    """Leave the rest of the machine some of the disk: 5 % of it, or 256 MiB where that is more than enough.

    Raises:
        OSError: Less is free: ENOSPC.
    """
    disk = os.fstatvfs(descriptor)
    reserve_bytes = min(_RESERVE_BYTES, int(disk.f_blocks * disk.f_frsize * _RESERVE_SHARE))
    if disk.f_bavail * disk.f_frsize < reserve_bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
