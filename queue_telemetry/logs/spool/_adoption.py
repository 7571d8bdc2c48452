"""Take over what dead processes left, one segment at a time."""

import errno
import os
from pathlib import Path
from typing import Final

from queue_telemetry._runtime import OwnedLock, say
from queue_telemetry.logs.spool._disk import DiskTrouble, is_not_there, is_passing
from queue_telemetry.logs.spool._index import index_segment
from queue_telemetry.logs.spool._orphans import Orphans, left_elsewhere_bytes
from queue_telemetry.logs.spool._scan import Damage
from queue_telemetry.logs.spool._segment import Segment
from queue_telemetry.logs.spool._segments import Segments
from queue_telemetry.logs.spool.place import Place

__all__ = ["Adoption"]

_ENDS_WITHIN_S: Final = 0.2  # reading one segment takes a fraction of that
_MOST_BYTES: Final = 24 * 1024 * 1024  # three times a segment: the largest batch fills two, in one frame


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
        self._busy = OwnedLock()
        self._closed = False

    def next(self, *, batch_bytes: int, max_records: int) -> list[Place] | None:
        """Take over the oldest segment; None when there is none or it cannot be had now. See `Spool.adopt`."""
        return self._busy.run(0.0, lambda: self._next(batch_bytes, max_records), otherwise=None)

    def waiting_bytes(self) -> int:
        """Return the length of the segments of dead processes that nobody took over yet. Never raises."""
        return self._busy.run(0.0, self._waiting_bytes, otherwise=0)

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
        self._busy.run(_ENDS_WITHIN_S, self._release, otherwise=None)  # else that one lets go at its end

    def forget(self) -> None:
        """Let go of them in a forked child."""
        self._closed = True
        self._orphans.forget()

    def _next(self, batch_bytes: int, max_records: int) -> list[Place] | None:
        try:
            return None if self._closed else self._take_over(batch_bytes, max_records)
        except OSError as error:
            self._count(error)
            return None
        finally:
            self._release()

    def _waiting_bytes(self) -> int:
        try:
            return 0 if self._closed else self._orphans.waiting_bytes()
        except OSError as error:
            self._count(error)
            return 0
        finally:
            self._release()

    def _release(self) -> None:
        if self._closed:
            self._orphans.release()

    def _take_over(self, batch_bytes: int, max_records: int) -> list[Place] | None:
        while (first := self._orphans.first()) is not None:
            segment = Segment(*first, self._segments.new_number())
            try:
                places, damages = _look_into(segment, batch_bytes, max_records)
            except OSError as error:
                if is_passing(error):
                    raise
                self._disk.count(error)
                if is_not_there(error):
                    self._orphans.go_on()
                else:
                    self._orphans.put_off()
                continue
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


def _look_into(segment: Segment, batch_bytes: int, max_records: int) -> tuple[list[Place], list[Damage]]:
    """Return what is whole of a segment and what is not, and give it its size and progress.

    Raises:
        OSError: It cannot be read at present; all of it is as it was.
    """
    descriptor = segment.open()
    try:
        segment.size = os.fstat(descriptor).st_size
        if segment.size > _MOST_BYTES:
            return [], [_set_aside(segment)]
        segment.load_progress()
        return index_segment(segment, descriptor, batch_bytes=batch_bytes, max_records=max_records)
    finally:
        os.close(descriptor)


def _set_aside(segment: Segment) -> Damage:
    """Let go of a file that no process of ours wrote like that: reading it would take memory and time without end."""
    size, segment.size = segment.size, 0
    segment.set_aside()
    message = "a segment of the spool has %d bytes, more than any process writes; it was renamed to *.damaged"
    say("spool.damaged", message, size)
    return Damage(0, size, 1)
