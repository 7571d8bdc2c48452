"""Take over what dead processes left, one segment at a time."""

import errno
import os
import threading
from pathlib import Path
from typing import Final

from queue_telemetry.logs.spool._disk import DiskTrouble, is_passing
from queue_telemetry.logs.spool._index import index_segment
from queue_telemetry.logs.spool._orphans import Orphans, left_elsewhere_bytes
from queue_telemetry.logs.spool._segment import Segment
from queue_telemetry.logs.spool._segments import Segments
from queue_telemetry.logs.spool.place import Place

__all__ = ["Adoption"]

_ENDS_WITHIN_S: Final = 0.2  # reading one segment takes a fraction of that


class Adoption:
    """Brings orphaned segments among a spool's own. For one thread at a time; a second one is sent away.

    Args:
        folder: The spool's folder.
        destination: The directory below it where processes have theirs.
        segments: Where they go.
        disk: Counts what the disk refused.

    Attributes:
        damaged_frames: Stretches of segments that were torn or changed.
        damaged_records: The records in them.
    """

    def __init__(self, folder: Path, destination: str, segments: Segments, disk: DiskTrouble) -> None:
        self.damaged_frames = 0
        self.damaged_records = 0
        self._folder = folder
        self._destination = destination
        self._segments = segments
        self._disk = disk
        self._orphans = Orphans(folder, destination)
        self._busy = threading.Lock()
        self._closed = False

    def next(self, *, batch_bytes: int, max_records: int) -> list[Place] | None:
        """Take over the oldest segment; None when there is none or it cannot be had now. See `Spool.adopt`."""
        if not self._busy.acquire(blocking=False):
            return None
        try:
            return None if self._closed else self._take_over(batch_bytes, max_records)
        except OSError as error:
            self._count(error)
            return None
        finally:
            self._end()

    def waiting_bytes(self) -> int:
        """Return the length of the segments of dead processes that nobody took over yet. Never raises."""
        if not self._busy.acquire(blocking=False):
            return 0
        try:
            return 0 if self._closed else self._orphans.waiting_bytes()
        except OSError as error:
            self._count(error)
            return 0
        finally:
            self._end()

    def elsewhere_bytes(self) -> int:
        """Return the length of what dead processes left in the folder for other destinations. Never raises."""
        try:
            return left_elsewhere_bytes(self._folder, self._destination)
        except OSError as error:
            self._count(error)
            return 0

    def close(self) -> None:
        """Let go of the directories, for another process to take over. Waits a moment for one who is at it."""
        self._closed = True
        if self._busy.acquire(timeout=_ENDS_WITHIN_S):  # else that one lets go at its end
            self._end()

    def forget(self) -> None:
        """Let go of them in a forked child."""
        self._closed = True
        self._orphans.forget()

    def _end(self) -> None:
        if self._closed:
            self._orphans.release()
        self._busy.release()

    def _take_over(self, batch_bytes: int, max_records: int) -> list[Place] | None:
        while (first := self._orphans.first()) is not None:
            segment = Segment(*first, self._segments.new_number())
            try:
                descriptor = segment.open()
            except OSError as error:
                if is_passing(error):
                    raise
                self._disk.count(error)
                self._orphans.go_on()
                continue
            try:
                segment.size = os.fstat(descriptor).st_size
                segment.load_progress()
                places, damages = index_segment(
                    segment, descriptor, batch_bytes=batch_bytes, max_records=max_records
                )
            finally:
                os.close(descriptor)
            if self._closed or not self._segments.take_over(segment):
                return None
            self._orphans.go_on(segment)
            self.damaged_frames += len(damages)
            self.damaged_records += sum(damage.records for damage in damages)
            return places
        return None

    def _count(self, error: OSError) -> None:
        if error.errno != errno.ENOENT:  # else no process has written there yet
            self._disk.count(error)
