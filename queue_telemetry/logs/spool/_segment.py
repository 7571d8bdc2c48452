"""One segment: a file of frames, and which stretches of it are acknowledged.

The progress is a file beside it, `<number>.ack`, a row of entries of 12 bytes, little-endian: the offsets at which a
stretch begins and ends (u32 each), and the CRC-32 of these eight bytes. The first entry is the acknowledged beginning,
written anew as it grows; each other one is a stretch behind a gap, such as a chunk that overtook one put off. What is
missing or changed is not acknowledged: sent again rather than lost.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from queue_telemetry.logs.spool._descriptor import Descriptor
from queue_telemetry.logs.spool._disk import is_not_there
from queue_telemetry.logs.spool._locked_directory import LockedDirectory

__all__ = ["Segment"]

_STRETCH: Final = struct.Struct("<II")
_ENTRY: Final = struct.Struct("<III")


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
        was_removed: Whether its files are gone, or somebody tried.
    """

    __slots__ = (
        "_acknowledged",
        "_ahead",
        "_directory",
        "_entries",
        "_name",
        "number",
        "size",
        "was_removed",
        "writing",
    )

    def __init__(self, directory: LockedDirectory, name: str, number: int) -> None:
        self.number = number
        self.size = 0
        self.writing: Descriptor | None = None
        self.was_removed = False
        self._directory = directory
        self._name = name
        self._acknowledged = 0
        self._entries = 1  # of the progress; the first one is the beginning's
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
    def is_done(self) -> bool:
        """Whether all of it is acknowledged."""
        return self._acknowledged >= self.size

    def has_acknowledged(self, start: int) -> bool:
        """Tell whether the stretch that begins there was marked."""
        return start < self._acknowledged or start in self._ahead

    def unacknowledged(self) -> Iterator[tuple[int, int]]:
        """Give what is not acknowledged: where each stretch of it begins and ends, in order."""
        start = self._acknowledged
        for begin, end in sorted(self._ahead.items()):
            if begin > start:
                yield start, begin
            start = max(start, end)
        if start < self.size:
            yield start, self.size

    def acknowledge(self, start: int, end: int) -> bool:
        """Mark a stretch; False when it was marked already."""
        if start > self._acknowledged:
            if self._ahead.get(start, 0) >= end:
                return False
            self._ahead[start] = end
            return True
        if end <= self._acknowledged:
            return False
        self._acknowledged = end
        while reached := [begin for begin in self._ahead if begin <= self._acknowledged]:
            self._acknowledged = max(self._acknowledged, *[self._ahead.pop(begin) for begin in reached])
        return True

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
        """Read what another process acknowledged: nothing where it wrote none."""
        try:
            descriptor = self._directory.open(self._progress_name, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            if is_not_there(error):
                return
            raise
        try:
            entries = min(-(-os.fstat(descriptor).st_size // _ENTRY.size), self.size)
            told = os.pread(descriptor, entries * _ENTRY.size, 0)
        finally:
            os.close(descriptor)
        self._entries = max(entries, 1)
        for start, end, crc in _ENTRY.iter_unpack(told[: len(told) // _ENTRY.size * _ENTRY.size]):
            if crc == zlib.crc32(_STRETCH.pack(start, end)) and start < end <= self.size:
                self.acknowledge(start, end)

    def save_progress(self, start: int, end: int) -> None:
        """Write down that a stretch is acknowledged, which was marked, for the process that takes this over."""
        entry = 0
        if start in self._ahead:
            entry = self._entries
            self._entries += 1
        else:
            start, end = 0, self._acknowledged
        stretch = _STRETCH.pack(start, end)
        descriptor = self._directory.open(self._progress_name, os.O_WRONLY | os.O_CREAT)
        try:
            os.pwrite(descriptor, stretch + zlib.crc32(stretch).to_bytes(4, "little"), _ENTRY.size * entry)
        finally:
            os.close(descriptor)

    def set_aside(self) -> None:
        """Give it a name that nobody takes for a segment's."""
        self._directory.rename(self._name, self._name.replace(".seg", ".damaged"))

    def remove(self) -> None:
        """Remove its files: the progress last, without which all of it would be sent again."""
        try:
            self._directory.unlink(self._name)
            self._directory.unlink(self._progress_name)
        finally:
            self.was_removed = True

    @property
    def _progress_name(self) -> str:
        return self._name.replace(".seg", ".ack")


def _name_of(number: int) -> str:
    return f"{number:016x}.seg"  # names sort as their numbers do
