"""A file that is written again and again in place, two copies in turn: one is whole whenever the writer is killed.

Replacing a file by another one is as safe, but makes some file systems write to the disk at once: milliseconds, and for
nothing, since what is told of a process is of no use after the next boot.
"""

import os
import re
import zlib
from pathlib import Path
from typing import Final

from queue_telemetry.processes._files import open_ours, write_whole

__all__ = ["read_newest", "write_next"]

_FRAME: Final = re.compile(rb"qt ([0-9]{20}) ([0-9]{10}) ([0-9a-f]{8})\n")
_FRAME_BYTES: Final = 44
_PAGE_BYTES: Final = 4096
_GROWTH: Final = 1.5  # a file that is too small is replaced by one with this much more room
_TRIES: Final = 5  # a reader meets a writer in both copies at once only when it is kept waiting for seconds


def write_next(path: Path, data: bytes, number: int, *, unfinished: Path) -> None:
    """Put *data* into *path* as its newest copy, beside the one before.

    Args:
        path: The file.
        data: The copy.
        number: Which writing it is; one more than the last one.
        unfinished: As for `write_whole`.

    Raises:
        OSError: It cannot be written; the copy before stays.
    """
    frame = b"qt %020d %010d %08x\n" % (number, len(data), zlib.crc32(data))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        room = 0
    else:
        try:
            room = os.fstat(descriptor).st_size // 2
            if len(frame) + len(data) <= room:
                _write_at(descriptor, frame + data, number % 2 * room)
                return
        finally:
            os.close(descriptor)
    needed = max(room, int((len(frame) + len(data)) * _GROWTH))
    room = -(-needed // _PAGE_BYTES) * _PAGE_BYTES
    copy = (frame + data).ljust(room, b"\0")
    write_whole(path, bytes(room) + copy if number % 2 else copy + bytes(room), unfinished=unfinished)


def _write_at(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written


def read_newest(path: Path) -> bytes:
    """Return the newest whole copy in *path*.

    Raises:
        FileNotFoundError: There is none.
        OSError: It cannot be read at present.
        ValueError: It is no such file, not the folder's owner's, larger than any of ours, or has no whole copy.
    """
    descriptor, size = open_ours(path)
    try:
        for _ in range(_TRIES):
            found = [_read_frame(descriptor, offset) for offset in (0, size // 2)]
            for frame in sorted((one for one in found if one is not None), reverse=True):
                _, length, checksum, offset = frame
                data = os.pread(descriptor, min(length, size), offset)
                if len(data) == length and zlib.crc32(data) == checksum:
                    return data
    finally:
        os.close(descriptor)
    raise ValueError("it has no whole copy")


def _read_frame(descriptor: int, offset: int) -> tuple[int, int, int, int] | None:
    """Return number, length, checksum and place of a copy; None where there is none."""
    matched = _FRAME.fullmatch(os.pread(descriptor, _FRAME_BYTES, offset))
    if matched is None:
        return None
    return int(matched[1]), int(matched[2]), int(matched[3], 16), offset + _FRAME_BYTES
