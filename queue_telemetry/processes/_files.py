"""Reads and writes small files in a private folder: never through a link, whole or not at all, of bounded size."""

import errno
import os
import stat
import time
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["Version", "open_ours", "read_whole", "version_of", "write_whole"]

_LARGEST_BYTES: Final = 16 * 1024 * 1024  # some times what the limits of series and groups allow for
_MODE: Final = 0o600
_INSTANT_S: Final = 0.05  # file systems count time in steps of up to 10 ms
_NO_FILE: Final = frozenset({errno.ELOOP, errno.ENXIO})  # a link, a socket


def read_whole(path: Path) -> bytes:
    """Return what is in a file.

    Raises:
        FileNotFoundError: There is none.
        OSError: It cannot be read at present.
        ValueError: It is no regular file of the folder's owner, or is larger than any of ours.
    """
    descriptor, size = open_ours(path)
    try:
        return _read(descriptor, size)
    finally:
        os.close(descriptor)


def open_ours(path: Path) -> tuple[int, int]:
    """Open a file to read it; return the descriptor and the size in bytes. Raises as `read_whole`."""
    try:
        # a pipe would keep a reader waiting but for O_NONBLOCK
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise ValueError("it is no file") from None
        raise
    try:
        return descriptor, _checked_size(path, os.fstat(descriptor))
    except (OSError, ValueError):
        os.close(descriptor)
        raise


def _checked_size(path: Path, found: os.stat_result) -> int:
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no file")
    if found.st_uid != os.stat(path.parent).st_uid:  # noqa: PTH116 - one call less on the way of each reading
        raise ValueError(f"it belongs to user {found.st_uid}")
    if found.st_size > _LARGEST_BYTES:
        raise ValueError(f"it has {found.st_size} bytes")
    return found.st_size


def _read(descriptor: int, size: int) -> bytes:
    parts = []
    while size > 0 and (part := os.read(descriptor, size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def write_whole(path: Path, data: bytes, *, unfinished: Path) -> None:
    """Put *data* in the place of what is in *path*: whoever reads sees the one or the other, after a kill as well.

    Not synced: what a power failure takes, the next boot has no use for.

    Args:
        path: The file.
        data: What is to be in it.
        unfinished: What it is called until it is whole, in the same folder; nobody else's at the time. A writer that
            is killed leaves it to the next one.

    Raises:
        OSError: It cannot be written; what was there stays.
    """
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(unfinished, flags, _MODE)
        try:
            _write(descriptor, data)
        finally:
            os.close(descriptor)
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class Version(NamedTuple):
    """What changes when a file is written or touched, unless that was within the same instant of its file system.

    Attributes:
        inode: Its number on the disk.
        mtime_ns: When, nanoseconds since the epoch.
        size_bytes: How long it is.
    """

    inode: int
    mtime_ns: int
    size_bytes: int

    @property
    def mtime_s(self) -> float:
        """When, seconds since the epoch."""
        return self.mtime_ns / 1e9

    def may_change_unseen(self) -> bool:
        """Tell whether the file may yet be written with no change of its version: it was just now."""
        return not time.time() - self.mtime_s > _INSTANT_S


def version_of(path: Path) -> Version:
    """Return the version of what is there.

    Raises:
        FileNotFoundError: There is none.
        OSError: It cannot be looked at.
    """
    found = os.stat(path, follow_symlinks=False)  # noqa: PTH116 - one call less on the way of each reading
    return Version(found.st_ino, found.st_mtime_ns, found.st_size)
