"""A process's spool: frames of lines on disk until they are acknowledged, and those that dead processes left."""

import errno
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from queue_telemetry._runtime import Clock
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs.spool._adoption import Adoption
from queue_telemetry.logs.spool._disk import DiskTrouble
from queue_telemetry.logs.spool._folder import check_setting
from queue_telemetry.logs.spool._frame import HEADER_BYTES, encode_frame
from queue_telemetry.logs.spool._instances import Claim, claim
from queue_telemetry.logs.spool._scan import Frame, scan
from queue_telemetry.logs.spool._segments import Segments
from queue_telemetry.logs.spool.place import Place

__all__ = ["Spool"]

T = TypeVar("T")

_WAIT_S: Final = 0.05  # for the lock, which is held over a write: a disk may hang
_GONE: Final = frozenset({errno.ENOENT, errno.EBADF})  # of a directory that was removed


class Spool:
    """Keeps frames of lines on disk until they are acknowledged. It decides nothing and counts no record as lost.

    Any thread may call any method. Its own lock is held for a few assignments and for a write, a rename or an unlink;
    segments are read without it. Nothing is made on disk before the first write, and nothing is synced: what was
    written survives the process, not a loss of power. Not fork-aware: a child makes a new one and lets go of this.

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
        self._lock = threading.RLock()  # re-entrant: a signal handler may close in the middle of a change
        self.unclaimed: Place | None = None
        self._closed = False
        self._left = False
        self._stats: dict[str, object] = {}
        self._disk = DiskTrouble(folder, clock)
        self._segments = Segments(folder, destination, max_bytes=max_bytes, clock=clock)
        self._adoption = Adoption(folder, destination, self._segments, self._lock, self._disk)

    def write(self, lines: bytes | bytearray, records: int) -> Place | None:
        """Write one frame and return its place; None when the disk does not take it, then or a little before.

        Must not raise and does not wait for the disk. Nothing is said, since a lock may be held: `speak` does.
        """
        if self.pauses:
            return None
        now_s = self._clock.time()
        frame = encode_frame(lines, records, now_s)
        with self._lock:
            if self._closed:
                return None
            try:
                segment = self._segments.ready(len(frame), now_s)
                start, end = segment.size, segment.size + len(frame)
                place = Place(segment.number, start, end, records, len(lines), now_s)
                self._segments.write(segment, frame)
                # No call in between these: an interrupt leaves a frame that the next one is written over, or a place.
                segment.size = end
                self._segments.used_bytes += end - start
                self.unclaimed = place
            except OSError as error:
                self._refuse(error)
                return None
            return place

    def room_for(self, size: int) -> bool:
        """Tell whether so many bytes of lines stay within `max_bytes`. Space is freed by whole segments.

        What the rest of the machine needs of the disk is looked at when a segment begins; `write` refuses then.
        """
        with self._lock:
            most_bytes = self._max_bytes - size - HEADER_BYTES
            if self._segments.used_bytes > most_bytes:
                try:
                    self._segments.free_current()
                except OSError as error:
                    self._disk.count(error)
            return self._segments.used_bytes <= most_bytes

    def read(self, place: Place) -> tuple[bytearray, int] | None:
        """Return the lines of a place, and how many of its records a torn or changed byte cost. Not under a lock.

        None when it cannot be read at present, whatever the disk says, or after `close`: try again later. Lost is only
        what is not there any more, and what is not whole.
        """
        with self._lock:
            segment = self._segments.get(place.segment)
            if self._closed:
                return None
        lines = bytearray()
        if segment is None:
            return lines, place.records
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

    def acknowledge(self, place: Place) -> bool:
        """Let go of a place, in any order and as often as one likes; False when a write is in the way. Must not raise."""

        def acknowledge() -> bool:
            try:
                if not self._closed:
                    self._segments.acknowledge(place.segment, place.start, place.end)
            except OSError as error:
                self._count(error)
            return True

        return self._soon(acknowledge, otherwise=False)

    def take_back(self, place: Place) -> None:
        """Let go of what was written last, and nobody has: the next frame is written over it. As `acknowledge`."""
        taken_back = self._soon(
            lambda: self._segments.take_back(place.segment, place.start, place.end), otherwise=False
        )
        if not taken_back:
            self.acknowledge(place)

    def adopt(self, *, batch_bytes: int = 1024 * 1024, max_records: int = 1000) -> list[Place] | None:
        """Take over one segment of a dead process, oldest first; None when there is none: call it until then.

        Not under a lock: it reads a segment, and says what the disk refused. Must not raise.

        Args:
            batch_bytes: Adjacent frames are joined into places of so many bytes of lines, but for a larger frame.
            max_records: And of so many records.

        Returns:
            Places in the order of their writing; none when nothing in the segment was whole. What was not, `damaged` counts.
        """
        self.speak()
        return self._adoption.next(batch_bytes=batch_bytes, max_records=max_records)

    def excess_bytes(self) -> int:
        """Return by how much this process's segments and those of the dead that nobody has exceed `max_bytes`.

        Negative or 0 when they do not. Not under a lock: it looks into each directory. Must not raise.
        """
        return self._adoption.waiting_bytes() + self.used_bytes - self._max_bytes

    def elsewhere_bytes(self) -> int:
        """Return how much dead processes left in the folder for other destinations. As `excess_bytes`."""
        return self._adoption.elsewhere_bytes()

    def speak(self) -> None:
        """Say what the disk refused since the last time. Not under a lock."""
        self._disk.speak()

    @property
    def pauses(self) -> bool:
        """Whether nothing is written for a while, since the disk refused it."""
        pause_s = self._disk.not_before_s
        return bool(pause_s) and self._clock.monotonic() < pause_s

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

        def look() -> dict[str, object]:
            return {
                "bytes": self._segments.used_bytes,
                "segments": len(self._segments),
                "damaged_frames": self._adoption.damaged_frames,
                "damaged_records": self._adoption.damaged_records,
                "errors": dict(self._disk.errors),
            }

        self._stats = stats = self._soon(look, otherwise=self._stats)
        return stats

    def close(self) -> None:
        """Leave what is not acknowledged to another process, remove an empty directory. Idempotent, never raises."""
        if self._left:
            return
        self._closed = True
        self._soon(self._leave, otherwise=None)  # else a disk hangs, and its files are left as they are
        self._adoption.close()
        self._claim = None
        self._left = True

    def _leave(self) -> None:
        try:
            self._segments.close()
        except OSError as error:
            self._disk.count(error)

    def _soon(self, action: Callable[[], T], *, otherwise: T) -> T:
        """Do *action* with the lock, or nothing where a write that hangs is in the way."""
        try:
            return action() if self._lock.acquire(timeout=_WAIT_S) else otherwise
        finally:
            try:  # noqa: SIM105 - a call before the release could be where a handler raises
                self._lock.release()
            except RuntimeError:  # another thread has it
                pass

    def forget(self) -> None:
        """In a forked child: close the inherited descriptors and leave all to the parent. Must not raise or block."""
        self._lock = threading.RLock()
        self._closed = True
        self._segments.forget()
        self._adoption.forget()
        self._claim = None

    def _count(self, error: OSError) -> None:
        if error.errno not in _GONE:  # what is lost there is counted by its records
            self._disk.count(error)

    def _refuse(self, error: OSError) -> None:
        self._disk.refused(error)
        try:
            self._segments.leave_current()
        except OSError as further:
            self._disk.count(further)
        self._segments.leave_lost_directory()
