"""All segments in a process's hands: its own directory, the one it writes, and those it took over."""

import errno
import itertools
import os
import secrets
from collections import deque
from functools import partial
from pathlib import Path
from typing import Final

from queue_telemetry._runtime import Clock, OwnedLock
from queue_telemetry.logs.spool._disk import check_reserve
from queue_telemetry.logs.spool._folder import entered
from queue_telemetry.logs.spool._locked_directory import LockedDirectory
from queue_telemetry.logs.spool._segment import Segment

__all__ = ["Segments"]

_SEGMENT_BYTES: Final = 8 * 1024 * 1024
_LEAST_SEGMENT_BYTES: Final = 64 * 1024
_SHARE: Final = 8  # segments within the limit, since space is freed by whole ones
_TRIES: Final = 8  # a name is lost only to somebody who looks in the same instant
_LOOK_EVERY_S: Final = 1.0
_WAIT_S: Final = 1.0  # for a lock that is held for some assignments


class _Births:
    """Times of birth in milliseconds, each later than the one before, however the clock is set: the order of directories."""

    def __init__(self) -> None:
        self._last_ms = 0

    def next(self, now_s: float) -> int:
        self._last_ms = born_ms = max(int(now_s * 1000), self._last_ms + 1)
        return born_ms


_births: Final = _Births()  # of this process, which may have one spool after another


class Segments:
    """Holds the segments. Some of it is the writer's, some the keeper's, as `Spool` has it; what works on files raises OSError.

    What is acknowledged is marked in memory, under a lock of a few assignments, and `tidy` does the rest to the files.

    Args:
        folder: The spool's folder.
        destination: The directory below it where processes have theirs.
        max_bytes: The spool's limit, for the size of a segment.
        clock: For the time of birth in the directory's name.

    Attributes:
        written_bytes: What was written of frames that count. The writer's.
    """

    def __init__(self, folder: Path, destination: str, *, max_bytes: int, clock: Clock) -> None:
        self.written_bytes = 0
        self._freed_bytes = 0  # under the lock
        self._lock = OwnedLock()
        self._done: deque[Segment] = deque()
        self._marked: deque[tuple[Segment, int, int]] = deque()
        self._folder = folder
        self._destination = destination
        self._clock = clock
        self._segment_bytes = min(_SEGMENT_BYTES, max(max_bytes // _SHARE, _LEAST_SEGMENT_BYTES))
        self._own: LockedDirectory | None = None
        self._current: Segment | None = None
        self._looked_s = 0.0
        self._numbers = itertools.count(1)
        self._by_number: dict[int, Segment] = {}

    def __len__(self) -> int:
        return len(self._by_number)

    def get(self, number: int) -> Segment | None:
        """Return a segment that is not done yet."""
        return self._by_number.get(number)

    def ready(self, size: int, now_s: float) -> Segment:
        """Return the segment for a frame of so many bytes: the current one, or a new one.

        Raises:
            OSError: The disk does not take it, or the directory was removed beneath it: ENOENT.
        """
        segment = self._current
        if (
            segment is None
            or segment.size + size > self._segment_bytes
            or not 0.0 <= now_s - self._looked_s < _LOOK_EVERY_S  # looking each time would double the cost
        ):
            return self._writable(size, now_s)
        return segment

    def write(self, segment: Segment, frame: bytes) -> None:
        """Write a frame behind the segment's others; its size is the caller's to count.

        Written at an offset that is known rather than appended: what an interrupted write left is then overwritten.

        Raises:
            OSError: The disk does not take it.
        """
        assert segment.writing is not None
        if os.pwrite(segment.writing.number, frame, segment.size) != len(frame):
            segment.cut()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def take_back(self, number: int, start: int, end: int) -> bool:
        """Count the last frame of the current segment no more; False when it is another one. The writer's."""
        segment = self._current
        if (
            segment is None
            or (segment.number, segment.size) != (number, end)
            or segment.has_acknowledged(start)
        ):
            return False
        self.written_bytes -= end - start
        segment.size = start
        return True

    def leave_current(self) -> None:
        """Write no more to the current segment. The writer's."""
        segment = self._current
        if segment is None:
            return
        segment.cut()
        segment.stop_writing()
        self._current = None
        self._lock.run(_WAIT_S, lambda: self._finish(segment), otherwise=None)

    def free_current(self) -> None:
        """Count the current segment no more if all in it is acknowledged. The writer's."""
        if self._current is not None and self._current.is_done:
            self.leave_current()

    def acknowledge(self, number: int, start: int, end: int) -> bool:
        """Mark a stretch of a segment, for `tidy`; False when that is to be done again. No file is touched."""
        return self._lock.run(_WAIT_S, lambda: self._acknowledge(number, start, end), otherwise=False)

    @property
    def is_tidy(self) -> bool:
        """Whether the files are as what was acknowledged has it."""
        return not self._done and not self._marked

    def tidy(self) -> None:
        """Remove the segments that are done, and write the other marks down. The keeper's."""
        while self._marked:
            segment, start, end = self._marked[0]
            if segment.number in self._by_number:
                segment.save_progress(start, end)
            self._marked.popleft()
        while self._done:
            self._done[0].remove()
            self._done.popleft()

    def skip(self) -> None:
        """Go on with the next file, after one that raised."""
        (self._marked or self._done).popleft()

    def take_over(self, segment: Segment) -> bool:
        """Count a dead process's segment, or have it removed when nothing in it is left to send; False as above."""
        return self._lock.run(_WAIT_S, lambda: self._take_over(segment), otherwise=False)

    def new_number(self) -> int:
        """Return a number for a segment to be taken over."""
        return next(self._numbers)

    @property
    def used_bytes(self) -> int:
        """What all segments take on disk, but for those that are done."""
        return self.written_bytes - self._freed_bytes

    def leave_lost_directory(self) -> None:
        """Let go of the own directory when it is gone; the next write makes a new one."""
        if self._own is not None and not self._own.is_linked:
            self._own.release()
            self._own = None

    def close(self) -> None:
        """Leave all to another process, or remove the own directory when nothing is in it. The writer's and the keeper's."""
        self.leave_current()
        for segment in tuple(self._by_number.values()):
            self._lock.run(_WAIT_S, partial(self._finish, segment), otherwise=None)
        try:
            self.tidy()
        finally:
            self._release()

    def _release(self) -> None:
        own, self._own = self._own, None
        if own is None:
            return
        try:
            if not own.names():
                with entered(self._folder, self._destination, make=False) as above:
                    own.remove(above)
        finally:
            own.release()

    def forget(self) -> None:
        """In a forked child: close the parent's descriptors."""
        if self._current is not None and self._current.writing is not None:
            self._current.writing.close()
        if self._own is not None:
            self._own.forget()
        self._current = self._own = None
        self._by_number = {}
        self._lock = OwnedLock()

    def _writable(self, size: int, now_s: float) -> Segment:
        """Look whether the current segment is there still; return it or, when the frame does not fit, a new one."""
        segment = self._current
        if segment is not None:
            self._looked_s = now_s
            if (
                segment.writing is None
                or not segment.writing.is_linked
                or not self._own_directory().is_linked
            ):
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            if segment.size + size <= self._segment_bytes:
                return segment
            self.leave_current()
        own = self._own_directory()
        check_reserve(own.number)
        self._current = segment = Segment.begin(own, next(self._numbers))
        self._by_number[segment.number] = segment
        self._looked_s = now_s
        return segment

    def _own_directory(self) -> LockedDirectory:
        if self._own is not None:
            return self._own
        with entered(self._folder, self._destination, make=True) as above:
            for _ in range(_TRIES):
                name = f"{_births.next(self._clock.time()):013d}-{os.getpid()}-{secrets.token_hex(4)}"
                self._own = LockedDirectory.make(above, name)
                if self._own is not None:
                    return self._own
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def _acknowledge(self, number: int, start: int, end: int) -> bool:
        segment = self._by_number.get(number)
        if segment is None:
            return True
        is_new = segment.acknowledge(start, end)
        if not self._finish(segment) and is_new:
            self._marked.append((segment, start, end))
        return True

    def _take_over(self, segment: Segment) -> bool:
        self._by_number[segment.number] = segment
        self._freed_bytes -= segment.size
        self._finish(segment)
        return True

    def _finish(self, segment: Segment) -> bool:
        """Count a segment no more when it is done, and tell whether it is. Under the lock."""
        if segment is self._current or not segment.is_done:
            return False
        if segment.number in self._by_number:
            # once more rather than not at all, where an exception comes in between
            self._done.append(segment)
            del self._by_number[segment.number]
            self._freed_bytes += segment.size
        return True
