"""The private folder where processes of one user and service meet: ours, 0700, never through a link."""

import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from queue_telemetry._runtime import say
from queue_telemetry.processes.folder import OTHERS, user_dir

__all__ = ["private_dir"]

_MODE: Final = 0o700
_OWN_ENTRY: Final = "slots"


def private_dir(path: Path | None) -> Path | None:
    """Make or find the folder for state and check that nobody else can read or plant anything in it.

    An own folder that others can enter is closed to them if it has been used for this before. All services of a user
    share the default one: they share the host, and what tells their gauges apart there.

    Args:
        path: The configured folder, used as it is; None for `queue_telemetry-<uid>` in the temporary folder.

    Returns:
        The folder, or None where there can be none, which is said: no POSIX locks, a link, a file in the way, another
        owner, somebody's folder that is open to others, or no right to make it.
    """
    if sys.platform == "win32":
        say("state_dir", "no state folder: this system has no file locks that end with their process")
        return None
    try:
        folder = user_dir(tempfile.gettempdir()) if path is None else path
        folder.parent.mkdir(parents=True, exist_ok=True)
        _make_private(folder, by_name=path is None)
    except (OSError, ValueError) as error:  # a NUL in the path is a ValueError
        say("state_dir", "no state folder: %s; set STATE_DIR to a folder of its own", error)
        return None
    return folder


def _make_private(folder: Path, *, by_name: bool = False) -> None:
    """Make *folder* or check it; *by_name* when its name alone says that it is ours.

    Raises:
        OSError: It cannot be used.
    """
    with suppress(FileExistsError):
        folder.mkdir(mode=_MODE)
    # checked through one descriptor, so that what was checked is what is changed; a link or a file is refused here
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid():
            raise PermissionError(f"{folder} belongs to user {found.st_uid}")
        if stat.S_IMODE(found.st_mode) & OTHERS:
            entries = os.listdir(descriptor)  # noqa: PTH208 - pathlib lists no descriptor
            if not by_name and _OWN_ENTRY not in entries:
                raise PermissionError(f"{folder} is open to other users and not of this library's making")
            os.fchmod(descriptor, _MODE)
    finally:
        os.close(descriptor)
