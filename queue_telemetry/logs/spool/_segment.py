"""One segment: a file of frames, and how much of its beginning is acknowledged.

The progress is a file of 8 bytes beside it, `<number>.ack`, little-endian: the offset up to which all is acknowledged
(u32), and the CRC-32 of these four bytes. One that is missing or changed means 0: sent again rather than lost.
"""

import os
import struct
import zlib
from contextlib import suppress
from typing import Final

from queue_telemetry.logs.spool._descriptor import Descriptor
from queue_telemetry.logs.spool._locked_directory import LockedDirectory

__all__ = ["Segment"]

_OFFSET: Final = struct.Struct("<I")
_PROGRESS: Final = struct.Struct("<II")


class Segment:
    """A segment in this process's hands. What works on its files raises OSError.

    Args:
        directory: Where it lies.
        name: Its name there.
        number: What places call it.

    Attributes:
        number: See above; its name too, unless another process wrote it.
        size: Its length in bytes. Whoever writes keeps it: what a failed write left behind it does not count.
        writing: The descriptor of the one that frames are added to.
    """

    __slots__ = ("_acknowledged", "_ahead", "_directory", "_name", "_saved", "number", "size", "writing")

    def __init__(self, directory: LockedDirectory, name: str, number: int) -> None:
        self.number = number
        self.size = 0
        self.writing: Descriptor | None = None
        self._directory = directory
        self._name = name
        self._acknowledged = 0
        self._saved = 0
        self._ahead: dict[
            int, int
        ] = {}  # start to end of what was acknowledged before what lies in front of it

    @classmethod
    def begin(cls, directory: LockedDirectory, number: int) -> "Segment":
        """Make a new file for writing."""
        segment = cls(directory, _name_of(number), number)
        segment.writing = Descriptor(directory.open(segment._name, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        return segment

    @property
    def acknowledged(self) -> int:
        """The offset up to which all is acknowledged."""
        return self._acknowledged

    @property
    def is_done(self) -> bool:
        """Whether all of it is acknowledged."""
        return self._acknowledged >= self.size

    @property
    def is_ahead_of_disk(self) -> bool:
        """Whether more is acknowledged than was written down."""
        return self._acknowledged != self._saved

    def has_acknowledged(self, start: int) -> bool:
        """Tell whether the stretch that begins there was marked."""
        return start < self._acknowledged or start in self._ahead

    def acknowledge(self, start: int, end: int) -> None:
        """Mark a stretch. Again, it changes nothing."""
        if start > self._acknowledged:
            self._ahead[start] = end
        elif end > self._acknowledged:
            while end in self._ahead:
                end = self._ahead[end]
            self._acknowledged = end
        for passed in [begin for begin in self._ahead if begin < self._acknowledged]:
            del self._ahead[passed]

    def open(self) -> int:
        """Return a descriptor for reading. Not blocked by a pipe that somebody put in its place."""
        return self._directory.open(self._name, os.O_RDONLY | os.O_NONBLOCK)

    def cut(self) -> None:
        """Cut off what a failed or interrupted write left: damage to whoever takes this over. Never raises."""
        if self.writing is not None and self.writing.is_own:
            with suppress(OSError):
                os.ftruncate(self.writing.number, self.size)

    def stop_writing(self) -> None:
        """Close the descriptor for writing. Never raises."""
        writing, self.writing = self.writing, None
        if writing is not None:
            writing.close()

    def load_progress(self) -> None:
        """Read how much another process acknowledged. Never raises."""
        with suppress(OSError):
            descriptor = self._directory.open(self._progress_name, os.O_RDONLY | os.O_NONBLOCK)
            try:
                told = os.pread(descriptor, _PROGRESS.size, 0)
            finally:
                os.close(descriptor)
            if len(told) == _PROGRESS.size:
                offset, crc = _PROGRESS.unpack(told)
                if crc == zlib.crc32(told[: _OFFSET.size]) and offset <= self.size:
                    self._acknowledged = self._saved = offset

    def save_progress(self) -> None:
        """Write down how much is acknowledged, for the process that takes this over."""
        acknowledged = self._acknowledged
        offset = _OFFSET.pack(acknowledged)
        descriptor = self._directory.open(self._progress_name, os.O_WRONLY | os.O_CREAT)
        try:
            os.pwrite(descriptor, offset + _OFFSET.pack(zlib.crc32(offset)), 0)
            self._saved = acknowledged
        finally:
            os.close(descriptor)

    def remove(self) -> None:
        """Remove its files: the progress last, without which all of it would be sent again."""
        self._directory.unlink(self._name)
        self._directory.unlink(self._progress_name)

    @property
    def _progress_name(self) -> str:
        return self._name.replace(".seg", ".ack")


def _name_of(number: int) -> str:
    return f"{number:016x}.seg"  # names sort as their numbers do
