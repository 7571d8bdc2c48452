"""A process's spool: frames of lines on disk until they are acknowledged, and those that dead processes left."""

import errno
import os
import sys
from functools import partial
from pathlib import Path
from typing import Final

from queue_telemetry._runtime import Clock
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs.spool._adoption import Adoption
from queue_telemetry.logs.spool._disk import DiskTrouble
from queue_telemetry.logs.spool._disk_calls import DiskCalls
from queue_telemetry.logs.spool._folder import check_setting
from queue_telemetry.logs.spool._frame import HEADER_BYTES, encode_frame
from queue_telemetry.logs.spool._instances import Claim, claim
from queue_telemetry.logs.spool._scan import Frame, scan
from queue_telemetry.logs.spool._segment import Segment
from queue_telemetry.logs.spool._segments import Segments
from queue_telemetry.logs.spool.place import Place

__all__ = ["Spool"]

_HANGS_S: Final = 2.0
"""A write is in the disk's cache within a millisecond, a directory is read in a little more."""
_GONE: Final = frozenset({errno.ENOENT, errno.EBADF})  # of a directory that was removed


class Spool:
    """Keeps frames of lines on disk until they are acknowledged. It decides nothing and counts no record as lost.

    One thread at a time writes, and calls `write`, `room_for` and `take_back`; another one may keep it meanwhile, with
    `tidy`, `adopt` and what looks into directories; `close` is both. All else is any thread's, and touches no file but
    in `read`. So no lock is held while the disk is waited for. Nothing is made on disk before the first write, and
    nothing is synced: what was written survives the process, not a loss of power. Not fork-aware: a child makes a new
    one and lets go of this.

    Args:
        folder: LOG_SPOOL_DIR.
        destination: A short name for the collector and the format, to be a directory's name.
        max_bytes: Limit of what this process holds on disk, what it took over included.
        clock: For times of birth and for pauses.
        owner: Who may have several spools at once on one folder and destination, such as a successor while the one
            before closes; None for nobody.

    Attributes:
        unclaimed: The place last written; whoever has it in his accounts sets this to None. One that is there still at
            the next write was lost to an interrupt.

    Raises:
        ConfigurationError: The folder can never be used, or another owner in this process has a spool on it.
    """

    def __init__(
        self, folder: Path, destination: str, *, max_bytes: int, clock: Clock, owner: object | None = None
    ) -> None:
        if sys.platform == "win32":
            raise ConfigurationError(
                f"LOG_SPOOL_DIR is {str(folder)!r}; this system has no locks for a spool"
            )
        folder = folder.absolute()  # a daemon changes its working directory
        check_setting(folder)
        self._claim: Claim | None = claim(folder, destination, owner)
        self._max_bytes = max_bytes
        self._clock = clock
        self.unclaimed: Place | None = None
        self._closed = False
        self._left = False
        self._disk = DiskTrouble(folder, clock)
        self._calls = DiskCalls(clock)
        self._segments = Segments(folder, destination, max_bytes=max_bytes, clock=clock)
        self._adoption = Adoption(folder, destination, self._segments, self._disk)

    def write(self, lines: bytes | bytearray, records: int) -> Place | None:
        """Write one frame and return its place; None when the disk does not take it, then or a little before.

        Must not raise and does not wait for the disk's sync. Nothing is said, since a lock may be held: `speak` does.
        """
        if self._closed or self.pauses:
            return None
        now_s = self._clock.time()
        frame = encode_frame(lines, records, now_s)
        try:
            segment = self._calls.run(lambda: self._put(frame, now_s))
        except OSError as error:
            self._calls.run(partial(self._refuse, error))
            return None
        start, end = segment.size, segment.size + len(frame)
        place = Place(segment.number, start, end, records, len(lines), now_s)
        segments = self._segments
        # No call in between these: an interrupt leaves a frame that the next one is written over, or a place.
        segment.size = end
        segments.written_bytes += end - start
        self.unclaimed = place
        return place

    def room_for(self, size: int) -> bool:
        """Tell whether so many bytes of lines stay within `max_bytes`. Space is freed by whole segments.

        What the rest of the machine needs of the disk is looked at when a segment begins; `write` refuses then.
        """
        most_bytes = self._max_bytes - size - HEADER_BYTES
        if self._segments.used_bytes > most_bytes:
            self._calls.run(self._segments.free_current)
        return self._segments.used_bytes <= most_bytes

    def read(self, place: Place) -> tuple[bytearray, int] | None:
        """Return the lines of a place, and how many of its records a torn or changed byte cost. Not under a lock.

        None when it cannot be read at present, whatever the disk says, or after `close`: try again later. Lost is only
        what is not there any more, and what is not whole.
        """
        segment = self._segments.get(place.segment)
        if self._closed:
            return None
        if segment is None:
            return bytearray(), place.records
        return self._calls.run(lambda: self._read(segment, place))

    def acknowledge(self, place: Place) -> bool:
        """Let go of a place, in any order and as often as one likes; False when that is to be done again.

        Touches no file: `tidy` does. Must not raise.
        """
        return self._closed or self._segments.acknowledge(place.segment, place.start, place.end)

    def take_back(self, place: Place) -> None:
        """Let go of what was written last, and nobody has: the next frame is written over it."""
        if not self._segments.take_back(place.segment, place.start, place.end):
            self.acknowledge(place)

    def is_tidy(self) -> bool:
        """Whether the files are as what was acknowledged has it: nothing of that comes again after a crash."""
        return self._segments.is_tidy

    def tidy(self) -> None:
        """Remove the files of what was acknowledged, or write down there that it was. Must not raise."""
        while not self._closed and not self._segments.is_tidy:
            try:
                self._calls.run(self._segments.tidy)
            except OSError as error:
                self._count(error)
                self._segments.skip()

    def adopt(self, *, batch_bytes: int = 1024 * 1024, max_records: int = 1000) -> list[Place] | None:
        """Take over one segment of a dead process, oldest first; None when there is none: call it until then.

        It reads a segment, and says what the disk refused. Must not raise.

        Args:
            batch_bytes: Adjacent frames are joined into places of so many bytes of lines, but for a larger frame.
            max_records: And of so many records.

        Returns:
            Places in the order of their writing; none when nothing in the segment was whole. What was not, `damaged` counts.
        """
        self.speak()
        self.tidy()
        return self._calls.run(lambda: self._adoption.next(batch_bytes=batch_bytes, max_records=max_records))

    def excess_bytes(self) -> int:
        """Return by how much this process's segments and those of the dead that nobody has exceed `max_bytes`.

        Negative or 0 when they do not. It looks into each directory. Must not raise.
        """
        return self._calls.run(self._adoption.waiting_bytes) + self.used_bytes - self._max_bytes

    def elsewhere_bytes(self) -> int:
        """Return how much dead processes left in the folder for other destinations. As `excess_bytes`."""
        return self._calls.run(self._adoption.elsewhere_bytes)

    def speak(self) -> None:
        """Say what the disk refused since the last time. Not under a lock."""
        self._disk.speak()

    @property
    def pauses(self) -> bool:
        """Whether nothing is written for a while, since the disk refused it."""
        pause_s = self._disk.not_before_s
        return bool(pause_s) and self._clock.monotonic() < pause_s

    @property
    def hangs(self) -> bool:
        """Whether the disk has not come back from a call for long."""
        return self._calls.longest_s > _HANGS_S

    @property
    def damaged(self) -> tuple[int, int]:
        """Stretches of segments that were torn or changed when they were adopted, and the records in them."""
        return self._adoption.damaged_frames, self._adoption.damaged_records

    @property
    def used_bytes(self) -> int:
        """What this process holds on disk, in bytes of segments."""
        return self._segments.used_bytes

    def stats(self) -> dict[str, object]:
        """Return what is on disk, and what went wrong with it."""
        return {
            "bytes": self._segments.used_bytes,
            "segments": len(self._segments),
            "damaged_frames": self._adoption.damaged_frames,
            "damaged_records": self._adoption.damaged_records,
            "errors": dict(self._disk.errors),
            "hangs": self.hangs,
        }

    def close(self) -> None:
        """Leave what is not acknowledged to another process, remove an empty directory. Idempotent, never raises."""
        if self._left:
            return
        self.tidy()
        self._closed = True
        self._calls.run(self._leave)
        self._claim = None
        self._left = True

    def abandon(self) -> None:
        """Close where the disk hangs: its files are left as they are. Must not block."""
        self._closed = True
        self._claim = None

    def forget(self) -> None:
        """In a forked child: close the inherited descriptors and leave all to the parent. Must not raise or block."""
        self._closed = True
        self._calls.forget()
        self._segments.forget()
        self._adoption.forget()
        self._claim = None

    def _put(self, frame: bytes, now_s: float) -> Segment:
        segment = self._segments.ready(len(frame), now_s)
        self._segments.write(segment, frame)
        return segment

    def _read(self, segment: Segment, place: Place) -> tuple[bytearray, int] | None:
        lines = bytearray()
        try:
            descriptor = segment.open()
            try:
                found = scan(descriptor, place.start, place.end, lines)
                whole = sum(frame.records for frame in found if isinstance(frame, Frame))
            finally:
                os.close(descriptor)
        except OSError as error:
            self._count(error)
            return (lines, place.records) if error.errno in _GONE and not self._closed else None
        return lines, place.records - whole

    def _leave(self) -> None:
        try:
            self._segments.close()
        except OSError as error:
            self._disk.count(error)
        self._adoption.close()

    def _count(self, error: OSError) -> None:
        if error.errno not in _GONE:  # what is lost there is counted by its records
            self._disk.count(error)

    def _refuse(self, error: OSError) -> None:
        self._disk.refused(error)
        self._segments.leave_current()
        self._segments.leave_lost_directory()
