"""The folders above a spool: made private, entered only while they are ours, never through a link."""

import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from queue_telemetry.exceptions import ConfigurationError

__all__ = ["check_setting", "entered", "open_directory", "refuse_foreign"]

_OTHERS_WRITE: Final = 0o022
_NEVER: Final = frozenset({errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG})


def check_setting(folder: Path) -> None:
    """Refuse a folder that can never be used; one that does not exist yet may come to be.

    Raises:
        ConfigurationError: A link, a file in the way, another user's, or open to writing by others.
    """
    try:
        descriptor = open_directory(str(folder))
    except ValueError as error:  # a NUL in the path
        raise ConfigurationError(_wrong(folder, "is no path")) from error
    except OSError as error:
        if error.errno in _NEVER:
            raise ConfigurationError(_wrong(folder, "is a link or no directory")) from error
        return
    try:
        refuse_foreign(descriptor)
    except PermissionError as error:
        raise ConfigurationError(_wrong(folder, error.strerror or "is refused")) from error
    finally:
        os.close(descriptor)


@contextmanager
def entered(folder: Path, *names: str, make: bool) -> Generator[int]:
    """Give a descriptor of the directory *names* below *folder* inside the block.

    Args:
        folder: The configured one.
        *names: The directories below it, one in the other.
        make: Whether to make what is missing.

    Raises:
        OSError: One of them cannot be had, or others can write in it.
    """
    if make:
        _make(folder)
    descriptor = open_directory(str(folder))
    try:
        refuse_foreign(descriptor)
        for name in names:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, 0o700, dir_fd=descriptor)
            above, descriptor = descriptor, open_directory(name, descriptor)
            os.close(above)
            refuse_foreign(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def _make(folder: Path) -> None:
    """Make *folder* and what is missing above it, each for this user alone: pathlib makes those above for anybody."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except FileNotFoundError:
        if folder.parent == folder:
            raise
        _make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def open_directory(name: str, above: int | None = None) -> int:
    """Return a descriptor of a directory that is no link, below the one that *above* is of. Raises OSError."""
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)


def refuse_foreign(descriptor: int) -> None:
    """Refuse a directory that somebody else could plant something in.

    Raises:
        PermissionError: It is another user's, or others may write in it.
    """
    found = os.fstat(descriptor)
    if found.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, f"belongs to user {found.st_uid}")
    if stat.S_IMODE(found.st_mode) & _OTHERS_WRITE:
        raise PermissionError(errno.EPERM, "can be written by other users")


def _wrong(folder: Path, what: str) -> str:
    return f"LOG_SPOOL_DIR is {str(folder)!r}, which {what}; it must be a directory that only this user can write"
