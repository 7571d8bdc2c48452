"""Where the private folder is, and whether it is one to read in. Loads little: a probe command has little time."""

import errno
import os
import stat
import sys
from pathlib import Path
from typing import Final

__all__ = ["OTHERS", "check_dir", "user_dir"]

OTHERS: Final = 0o077
"""The rights that nobody but the owner may have."""


def user_dir(temporary: str) -> Path:
    """Return where the folder is when nothing else is said.

    Args:
        temporary: The folder for temporary files; who asks knows it, since finding out takes a while.
    """
    return Path(temporary) / f"queue_telemetry-{os.geteuid()}"


def check_dir(folder: Path) -> None:
    """Check that a folder is one to read in, and change nothing.

    Raises:
        FileNotFoundError: There is none: no process ever told anything.
        OSError: It is not to be trusted: a link, no folder, open to others, or another user's than ours, where we are
            not root.
    """
    if sys.platform == "win32":
        raise OSError(errno.ENOSYS, "this system has no file locks that end with their process")
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    if stat.S_IMODE(found.st_mode) & OTHERS:
        raise PermissionError(errno.EACCES, "it is open to other users", str(folder))
    if os.geteuid() not in {found.st_uid, 0}:
        raise PermissionError(errno.EACCES, f"it belongs to user {found.st_uid}", str(folder))
