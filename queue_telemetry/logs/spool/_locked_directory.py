"""A process's directory under a file lock, which ends with the process: whoever gets the lock may have what is left."""

import errno
import os
import sys
from contextlib import ExitStack, suppress
from typing import Final, Self

from queue_telemetry.logs.spool._descriptor import Descriptor
from queue_telemetry.logs.spool._folder import open_directory, refuse_foreign

if sys.platform != "win32":
    import fcntl

__all__ = ["LockedDirectory"]

_LOCK_NAME: Final = "owner.lock"


class LockedDirectory:
    """A directory whose lock this process has. What works on its files raises OSError.

    Attributes:
        name: Its name in the directory above.

    Source: https://man7.org/linux/man-pages/man2/flock.2.html
    """

    def __init__(self, name: str, directory: Descriptor, lock: Descriptor) -> None:
        self.name = name
        self._directory = directory
        self._lock = lock
        self._pid = os.getpid()

    @classmethod
    def make(cls, above: int, name: str) -> Self | None:
        """Make it; None when another process took it for an abandoned one meanwhile: try another name.

        Raises:
            OSError: The disk does not take it.
        """
        try:
            os.mkdir(name, 0o700, dir_fd=above)
            return cls._locked(above, name, os.O_EXCL)
        except (FileExistsError, FileNotFoundError):
            return None
        except OSError:
            _unmake(above, name)  # else every later try would leave one
            raise

    @classmethod
    def take_over(cls, above: int, name: str) -> Self | None:
        """Take a dead process's; None when its owner lives, or it is not ours to take.

        Raises:
            OSError: It cannot be entered at present.
        """
        try:
            return cls._locked(above, name, 0)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return None

    @classmethod
    def _locked(cls, above: int, name: str, lock_flags: int) -> Self | None:
        with ExitStack() as undo:
            directory = Descriptor(open_directory(name, above))
            undo.callback(directory.close)
            refuse_foreign(directory.number)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | lock_flags
            lock = Descriptor(os.open(_LOCK_NAME, flags, 0o600, dir_fd=directory.number))
            undo.callback(lock.close)
            # linked still: whoever found it without a lock and empty may have removed it before this lock was had
            if not _try_lock(lock.number) or not lock.is_linked:
                return None
            undo.pop_all()
            return cls(name, directory, lock)

    @property
    def is_linked(self) -> bool:
        """Whether it is there still."""
        return self._lock.is_linked

    @property
    def number(self) -> int:
        """Its descriptor, -1 after the end."""
        return self._directory.number

    def names(self) -> list[str]:
        """Return the names of what is in it, without the lock's, sorted."""
        found = os.listdir(self.number)  # noqa: PTH208 - pathlib lists no descriptor
        return sorted(name for name in found if name != _LOCK_NAME)

    def open(self, name: str, flags: int) -> int:
        """Return a descriptor of a file in it."""
        return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=self.number)

    def unlink(self, name: str) -> None:
        """Remove a file; one that is gone already is no error."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.number)

    def rename(self, name: str, other_name: str) -> None:
        """Give a file another name."""
        os.rename(name, other_name, src_dir_fd=self.number, dst_dir_fd=self.number)

    def remove(self, above: int) -> None:
        """Remove it and let go of it, when nothing is in it but the lock."""
        if self.names():
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
        os.unlink(_LOCK_NAME, dir_fd=self.number)
        os.rmdir(self.name, dir_fd=above)
        self.release()

    def release(self) -> None:
        """Unlock it and let go of it, for another process to take over. Idempotent, never raises."""
        if self._pid == os.getpid() and self._lock.is_own:
            # a child that was forked and never used this library has the descriptor too and would keep the lock
            _unlock(self._lock.number)
        self.forget()

    def forget(self) -> None:
        """Let go of it in a forked child, whose unlocking would be the parent's too. Idempotent, never raises."""
        self._lock.close()
        self._directory.close()


def _unmake(above: int, name: str) -> None:
    with suppress(OSError), ExitStack() as undo:
        directory = open_directory(name, above)
        undo.callback(os.close, directory)
        with suppress(FileNotFoundError):
            os.unlink(_LOCK_NAME, dir_fd=directory)
        os.rmdir(name, dir_fd=above)


def _try_lock(descriptor: int) -> bool:
    """Lock at once or not at all. Raises OSError where the file system has no locks."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unlock(descriptor: int) -> None:
    if sys.platform != "win32":
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
