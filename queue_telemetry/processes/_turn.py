"""One process at a time, by a file lock that ends with its process; the wait for it has an end."""

import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import fcntl

__all__ = ["turn"]

_LOOK_AGAIN_S: Final = 0.002  # what is done under the lock takes about as long


@contextmanager
def turn(path: Path, wait_s: float) -> Generator[bool]:
    """Hold the lock of *path* inside the block, or tell that it could not be had in time.

    Args:
        path: The lock's file, made where it is missing.
        wait_s: How long to wait at most, seconds; 0 asks once.

    Raises:
        OSError: There can be no such lock.

    Source: https://man7.org/linux/man-pages/man2/flock.2.html
    """
    if sys.platform == "win32":
        yield False
        return
    descriptor = _lock(path, wait_s)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            with suppress(OSError):  # and not just closed: a child forked meanwhile has the descriptor too
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


def _lock(path: Path, wait_s: float) -> int | None:
    deadline_s = time.monotonic() + wait_s
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is(path, descriptor):
                return descriptor
        except BlockingIOError:
            pass
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
        if time.monotonic() >= deadline_s:
            return None
        time.sleep(_LOOK_AGAIN_S)


def _is(path: Path, descriptor: int) -> bool:
    """Tell whether the file is there still: who holds the lock may take it away, and others then make another one."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
