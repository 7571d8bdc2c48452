"""A small number for this process, held by a file lock: free again when it is closed or the process dies."""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from queue_telemetry._runtime import say
from queue_telemetry.processes.state_dir import private_dir

if sys.platform != "win32":
    import fcntl

__all__ = ["Slot", "acquire"]

_MAX_SLOTS: Final = 1024  # a bound for the search, above the processes of any one host and service
_NOT_OURS: Final = frozenset({errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP})


class Slot:
    """A number that no other living process holds under the same folder.

    Attributes:
        number: 0 or a little more; reused after its holder is gone, so that series by slot stay few. It stays the same
            but where `renew` finds it taken.
        folder: Where its lock is, and what its holder tells of itself.
    """

    def __init__(self, number: int, descriptor: int, folder: Path) -> None:
        self.number = number
        self.folder = folder
        self._descriptor: int | None = descriptor
        self._file = _identity(descriptor)
        self._pid = os.getpid()

    def sign(self, token: str) -> None:
        """Write into the lock whose it is now, so that what earlier holders left is told from what this one tells.

        Again now and then: what cleans temporary folders takes files that were not written for long.

        Raises:
            OSError: It cannot be written, or the lock is another process's or given back.
        """
        os.pwrite(self._held(), token.encode(), 0)

    def stands(self) -> bool:
        """Tell whether others still see the lock: whoever cleans up may have taken its file away. Must not raise."""
        try:
            found = self._path(self.number).lstat()
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._file

    def renew(self) -> None:
        """Hold the number anew where its file is gone, or another when somebody else has taken it since.

        Raises:
            OSError: There is no folder to be had, or no number; or the lock is another process's or given back.
        """
        before = self._held()
        if private_dir(self.folder.parent) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.folder))
        self.folder.mkdir(mode=0o700, exist_ok=True)
        for number in (self.number, *range(_MAX_SLOTS)):
            descriptor = _lock(self._path(number))
            if descriptor is not None:
                self.number, self._descriptor, self._file = number, descriptor, _identity(descriptor)
                os.close(before)
                return
        raise OSError(errno.EAGAIN, "all slots are taken")

    def close(self) -> None:
        """Give the number back. Idempotent; in a forked child the same as `forget`. Must not raise."""
        descriptor = self._descriptor
        if descriptor is not None and self._pid == os.getpid() and _identity(descriptor) == self._file:
            _unlock(descriptor)
        self.forget()

    def forget(self) -> None:
        """Let go of the number in a forked child, where it stays the parent's. Idempotent. Must not block or raise.

        The descriptor is closed and never unlocked: an unlock would be the parent's too, since both share one open file.
        """
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None and _identity(descriptor) == self._file:
            with suppress(OSError):
                os.close(descriptor)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.lock"

    def _held(self) -> int:
        descriptor = self._descriptor
        if descriptor is None or self._pid != os.getpid() or _identity(descriptor) != self._file:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return descriptor


def _identity(descriptor: int) -> tuple[int, int] | None:
    """Tell which file a descriptor is of: a daemon closes all it inherited, and its numbers come to mean other files."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _unlock(descriptor: int) -> None:
    if sys.platform != "win32":
        # a child that was forked and never used this library still has the descriptor and would keep the lock
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)


def acquire(state_dir: Path) -> Slot | None:
    """Take the smallest number that is free in *state_dir*.

    Args:
        state_dir: A folder from `private_dir`; the locks are `slots/<number>.lock` in it.

    Returns:
        The slot, or None when there is none to have, which is said.

    Source: https://man7.org/linux/man-pages/man2/flock.2.html
    """
    folder = state_dir / "slots"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for number in range(_MAX_SLOTS):
            descriptor = _lock(folder / f"{number}.lock")
            if descriptor is not None:
                return Slot(number, descriptor, folder)
    except OSError as error:
        say("slot", "no slot in %s: %s; process gauges are not sent", folder, error.strerror)
        return None
    say("slot", "all %s slots in %s are taken; process gauges are not sent", _MAX_SLOTS, folder)
    return None


def _lock(path: Path) -> int | None:
    """Return a descriptor that holds the lock of *path*, or None when another process has it."""
    if sys.platform == "win32":
        return None
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno in _NOT_OURS:  # such as left by a run as another user: the next number will do
            return None
        raise
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
