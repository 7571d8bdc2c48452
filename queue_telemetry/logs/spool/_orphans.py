"""Find what dead processes left: their directories, oldest first, and the segments in them one after the other."""

import os
import re
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from queue_telemetry.logs.spool._folder import entered
from queue_telemetry.logs.spool._locked_directory import LockedDirectory
from queue_telemetry.logs.spool._segment import Segment

__all__ = ["Orphans", "left_elsewhere_bytes"]

_DIRECTORY: Final = re.compile(r"[0-9]+-[0-9]+-[0-9a-f]+")
_DESTINATION: Final = re.compile(r"[0-9a-f]{16}")
_SEGMENT: Final = re.compile(r"[0-9a-f]{16}\.seg")
_MOST_HELD: Final = 16  # each takes two descriptors


@dataclass(slots=True)
class _Held:
    """A directory whose lock was had, its segments that were not looked at, those to be looked at once more, those taken over."""

    directory: LockedDirectory
    names: list[str]
    put_off: list[str] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        return not (self.names or self.put_off) and all(segment.was_removed for segment in self.segments)


class Orphans:
    """Holds the directories of dead processes until what is in them is done. For one thread at a time.

    Nothing is moved: whoever takes over after this process finds all in its order, and a full disk is no hindrance.

    Args:
        folder: The spool's folder.
        destination: The directory below it where processes have theirs.
    """

    def __init__(self, folder: Path, destination: str) -> None:
        self._folder = folder
        self._destination = destination
        self._held: list[_Held] = []
        self._given_up: set[str] = set()  # directories that something foreign or unreadable keeps from ending

    def first(self) -> tuple[LockedDirectory, str] | None:
        """Return the directory and name of the oldest segment, or None; the same again until `go_on` or `put_off`.

        None also while as many directories are held as there may be. What was put off comes again after that.

        Raises:
            OSError: The directories cannot be read.
        """
        while True:
            self._leave_done()
            held = self._unseen()
            if held is not None:
                return held.directory, held.names[0]
            if len(self._held) >= _MOST_HELD or not self._hold_next():
                for held in self._held:
                    held.names, held.put_off = held.put_off, []
                return None

    def waiting_bytes(self) -> int:
        """Return the length of the segments that `first` has not returned yet, but for those of processes that live.

        Raises:
            OSError: The directories cannot be read.
        """
        held_bytes = sum(
            _length(held.directory, name) for held in self._held for name in (*held.names, *held.put_off)
        )
        return held_bytes + _abandoned_bytes(self._folder, self._destination, self._given_up)

    def go_on(self, taken_over: Segment | None = None) -> None:
        """Go on behind the first segment, which was taken over, or is none."""
        held = self._unseen()
        if held is not None:
            del held.names[0]
            held.segments = [segment for segment in held.segments if not segment.was_removed]
            if taken_over is not None:
                held.segments.append(taken_over)

    def put_off(self) -> None:
        """Go on behind the first segment, which cannot be read at present."""
        held = self._unseen()
        if held is not None:
            held.put_off.append(held.names[0])
            del held.names[0]

    def release(self) -> None:
        """Let go of the directories, for another process to take over."""
        self._leave_done()
        while self._held:
            self._held.pop().directory.release()

    def forget(self) -> None:
        """Let go of them in a forked child."""
        while self._held:
            self._held.pop().directory.forget()

    def _unseen(self) -> _Held | None:
        return next((held for held in self._held if held.names), None)

    def _hold_next(self) -> bool:
        with entered(self._folder, self._destination, make=False) as above:
            names = os.listdir(above)  # noqa: PTH208 - pathlib lists no descriptor
            for name in sorted(filter(_DIRECTORY.fullmatch, names)):  # the time of birth comes first
                directory = None if name in self._given_up else LockedDirectory.take_over(above, name)
                if directory is not None:
                    segments = list(filter(_SEGMENT.fullmatch, directory.names()))
                    self._held.append(_Held(directory, segments))
                    return True
        return False

    def _leave_done(self) -> None:
        """Remove the directories in which all is done."""
        done = [held.directory for held in self._held if held.is_done]
        self._held = [held for held in self._held if not held.is_done]
        for directory in done:
            try:
                names = directory.names()
                for name in names:
                    # of a segment that was removed when its process was killed
                    if name.endswith(".ack") and name.replace(".ack", ".seg") not in names:
                        directory.unlink(name)
                with entered(self._folder, self._destination, make=False) as above:
                    directory.remove(above)
            except OSError:
                self._given_up.add(directory.name)
                directory.release()


def left_elsewhere_bytes(folder: Path, destination: str) -> int:
    """Return the length of the segments that dead processes left below *folder* for other destinations.

    Raises:
        OSError: The directories cannot be read.
    """
    with entered(folder, make=False) as above:
        names = os.listdir(above)  # noqa: PTH208 - pathlib lists no descriptor
    left_bytes = 0
    for name in filter(_DESTINATION.fullmatch, names):
        if name != destination:
            with suppress(OSError):  # a file, a link, another user's: no process of ours left it
                left_bytes += _abandoned_bytes(folder, name, ())
    return left_bytes


def _abandoned_bytes(folder: Path, destination: str, given_up: Container[str]) -> int:
    """Return the length of all segments in directories whose lock can be had, which nobody holds then."""
    left_bytes = 0
    with entered(folder, destination, make=False) as above:
        names = os.listdir(above)  # noqa: PTH208
        for name in filter(_DIRECTORY.fullmatch, names):
            directory = None if name in given_up else LockedDirectory.take_over(above, name)
            if directory is not None:
                try:
                    segments = filter(_SEGMENT.fullmatch, directory.names())
                    left_bytes += sum(_length(directory, segment) for segment in segments)
                finally:
                    directory.release()
    return left_bytes


def _length(directory: LockedDirectory, name: str) -> int:
    try:
        return os.stat(name, dir_fd=directory.number, follow_symlinks=False).st_size
    except OSError:
        return 0
