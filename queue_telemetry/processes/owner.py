"""One process of a host for one duty, by a file lock: another takes it over when that process dies."""

import errno
import os
import re
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

from queue_telemetry._runtime import say
from queue_telemetry.processes.slot import _identity, _lock, _unlock

__all__ = ["Ownership"]

_FOLDER: Final = "owners"
_NOT_IN_FILE_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]+")
_READABLE_CHARS: Final = 40
_END: Final = b"\n"  # what stands behind it is of a longer word before
_MAX_WORD_BYTES: Final = 65_536


class Ownership:
    """Whether this process has a duty. Not thread-safe, and not fork-aware: a child makes its own and forgets this one.

    Args:
        state_dir: A folder from `private_dir`; the lock is in `owners` in it. None where there is none: nobody can agree
            with anybody then, and each process has the duty.
        duty: Its name, any text; the same in all processes that share it.
    """

    def __init__(self, state_dir: Path | None, duty: str) -> None:
        self._folder = None if state_dir is None else state_dir / _FOLDER
        digest = blake2b(duty.encode("utf-8", "replace"), digest_size=6).hexdigest()
        self._name = f"{_NOT_IN_FILE_NAMES.sub('_', duty)[:_READABLE_CHARS]}-{digest}.lock"
        self._descriptor: int | None = None
        self._file: tuple[int, int] | None = None
        self._pid = os.getpid()

    def take(self) -> bool:
        """Take the duty if nobody has it; tell whether this process has it. One or two system calls; must not raise.

        Where the lock cannot be had for another reason than an owner, this process has the duty too: done twice is
        better than not at all.
        """
        if self._folder is None:
            return True
        path = self._folder / self._name
        if self._descriptor is not None:
            if self._still_there(path):
                return True
            self.release()  # what cleans temporary folders took the file away, and others cannot see this lock
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = _lock(path)
            if descriptor is None and not os.access(path, os.R_OK | os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))  # of nobody who has the duty
        except OSError as error:
            say(
                "owner",
                "no lock %s: %s; each process of this host does what one should",
                path,
                error.strerror,
            )
            return True
        if descriptor is not None:
            self._descriptor, self._file, self._pid = descriptor, _identity(descriptor), os.getpid()
        return descriptor is not None

    def note_done(self, word: bytes = b"") -> None:
        """Leave word to who has the duty next that it was done now. Must not raise.

        Args:
            word: What else it should know, without a newline.
        """
        descriptor = self._descriptor
        if descriptor is not None and _identity(descriptor) == self._file:
            try:
                os.pwrite(descriptor, word + _END, 0)  # one write: a process that is killed leaves the whole
            except OSError as error:
                say("owner_word", "%s: who takes this over will not know: %s", self._name, error.strerror)

    def word(self) -> bytes:
        """Return the word that was left last, by whichever process; empty without one. Must not raise."""
        descriptor = self._descriptor
        if descriptor is not None and _identity(descriptor) == self._file:
            with suppress(OSError):  # then nothing is known, as to the first
                word, end, _ = os.pread(descriptor, _MAX_WORD_BYTES, 0).partition(_END)
                return word if end else b""
        return b""

    def done_at_s(self) -> float | None:
        """Return when the duty was done last, by whichever process, in seconds since the epoch; None when it never was."""
        with suppress(OSError):
            found = os.fstat(-1 if self._descriptor is None else self._descriptor)
            return found.st_mtime if found.st_size else None
        return None

    def release(self) -> None:
        """Leave the duty to the next who asks. Idempotent; in a forked child the same as `forget`. Must not raise."""
        descriptor = self._descriptor
        if descriptor is not None and self._pid == os.getpid() and _identity(descriptor) == self._file:
            _unlock(descriptor)
        self.forget()

    def forget(self) -> None:
        """Close a forked child's copy of the lock, which stays the parent's. Idempotent. Must not block or raise."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None and _identity(descriptor) == self._file:
            with suppress(OSError):
                os.close(descriptor)

    def _still_there(self, path: Path) -> bool:
        try:
            found = path.lstat()
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._file and _identity(self._descriptor or 0) == self._file
