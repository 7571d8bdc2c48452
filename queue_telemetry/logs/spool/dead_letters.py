"""The file of records that the collector will never take, each with the answer it got."""

import errno
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson

from queue_telemetry._runtime import say
from queue_telemetry.logs.spool._folder import entered

if sys.platform != "win32":
    import fcntl

__all__ = ["DeadLetters"]

_NAME: Final = "dead-letters.ndjson"
_OLD_NAME: Final = "dead-letters.1.ndjson"
_MAX_BYTES: Final = 16 * 1024 * 1024
_TRIES: Final = 3  # each is lost only to a process that rotates the file in the same instant


class DeadLetters:
    """Appends records to `dead-letters.ndjson` in a folder, which all its processes share.

    At 16 MiB the file becomes `dead-letters.1.ndjson`. Once both are full no more is written, until somebody takes
    the latter away: what was said to be kept is not overwritten. One line a record::

        {"record":{…},"status":400,"excerpt":"the beginning of the answer","at":"2025-11-05T10:15:30.123456Z"}

    Args:
        folder: LOG_SPOOL_DIR; made at the first letter.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def append(self, line: bytes | bytearray, *, status: int | None, excerpt: str, at_s: float) -> bool:
        """Append one record; True when it was written. Must not raise; not under a lock, since it may speak.

        Args:
            line: The record as one JSON object, with or without a newline.
            status: What the collector answered; None when it was never asked.
            excerpt: The beginning of its answer.
            at_s: When, in seconds since the epoch.
        """
        letter = _letter(line, status, excerpt, at_s)
        try:
            with entered(self._folder, make=True) as folder:
                _append(folder, letter)
        except OSError as error:
            say("dead_letters", "no dead letter is written in %s: %s", self._folder, error.strerror)
            return False
        return True


def _letter(line: bytes | bytearray, status: int | None, excerpt: str, at_s: float) -> bytes:
    at = datetime.fromtimestamp(at_s, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    letter = {
        "record": orjson.Fragment(bytes(line).strip()),
        "status": status,
        "excerpt": excerpt.encode("utf-8", "replace").decode("utf-8"),  # a lone surrogate is no text
        "at": at,
    }
    return orjson.dumps(letter, option=orjson.OPT_APPEND_NEWLINE)


def _append(folder: int, letter: bytes) -> None:
    if len(letter) > _MAX_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    for _ in range(_TRIES):
        descriptor = os.open(_NAME, flags, 0o600, dir_fd=folder)
        try:
            size = os.fstat(descriptor).st_size
            if size + len(letter) > _MAX_BYTES and _rotated(folder, descriptor):
                continue
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                letter = b"\n" + letter  # a full disk took a part of the one before
            if os.write(descriptor, letter) != len(letter):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(descriptor)
        return
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def _rotated(folder: int, descriptor: int) -> bool:
    """Move the full file away, unless another process is at it; True when to open the new one.

    Raises:
        OSError: The other one is full as well.
    """
    if sys.platform == "win32":
        return False
    is_taken = _is_there(
        folder, _OLD_NAME
    )  # looked up first: whoever rotates now has not when the same file is there
    if not _is_same(folder, descriptor):
        return True
    if is_taken:
        raise OSError(errno.EDQUOT, f"it is full, and so is {_OLD_NAME}, which can be taken away")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # ends with the descriptor
        if _is_same(folder, descriptor):
            os.rename(_NAME, _OLD_NAME, src_dir_fd=folder, dst_dir_fd=folder)
    except BlockingIOError:
        return False  # a little more in the full one does no harm
    return True


def _is_there(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _is_same(folder: int, descriptor: int) -> bool:
    """Tell whether the file of the name is still the one that was opened."""
    try:
        found = os.stat(_NAME, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(descriptor))
