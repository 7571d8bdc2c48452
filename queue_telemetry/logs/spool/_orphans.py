"""Find what dead processes left: one of their directories at a time, its segments one after the other."""

import os
import re
from pathlib import Path
from typing import Final

from queue_telemetry.logs.spool._folder import entered
from queue_telemetry.logs.spool._locked_directory import LockedDirectory
from queue_telemetry.logs.spool._segment import Segment

__all__ = ["Orphans"]

_DIRECTORY: Final = re.compile(r"[0-9]+-[0-9]+-[0-9a-f]+")
_SEGMENT: Final = re.compile(r"[0-9a-f]{16}\.seg")


class Orphans:
    """Holds the lock of at most one dead process's directory. For one thread at a time.

    Args:
        folder: The spool's folder.
        destination: The directory below it where processes have theirs.
    """

    def __init__(self, folder: Path, destination: str) -> None:
        self._folder = folder
        self._destination = destination
        self._held: LockedDirectory | None = None
        self._names: list[str] = []
        self._in_place: list[Segment] = []
        self._given_up: set[str] = set()  # directories that something foreign or unreadable keeps from ending

    def first(self) -> tuple[LockedDirectory, str] | None:
        """Return the directory and name of the oldest segment, or None; the same again until `go_on` is called.

        None also while the segments that had to be left in a dead process's directory are not done: it is held, and
        holding more of them would take ever more descriptors.

        Raises:
            OSError: The directories cannot be read.
        """
        while True:
            held = self._held or self._hold_next()
            if held is None:
                return None
            if self._names:
                return held, self._names[0]
            if any(not segment.is_done for segment in self._in_place):
                return None
            self._leave(held)

    def go_on(self, left_in_place: Segment | None = None) -> None:
        """Go on behind the first segment; its directory is held until the one left in place is done."""
        del self._names[0]
        if left_in_place is not None:
            self._in_place.append(left_in_place)

    def release(self) -> None:
        """Let go of the directory held, for another process to take over."""
        if self._held is not None:
            self._held.release()
            self._held = None

    def forget(self) -> None:
        """Let go of it in a forked child."""
        if self._held is not None:
            self._held.forget()
            self._held = None

    def _hold_next(self) -> LockedDirectory | None:
        with entered(self._folder, self._destination, make=False) as above:
            names = os.listdir(above)  # noqa: PTH208 - pathlib lists no descriptor
            for name in sorted(filter(_DIRECTORY.fullmatch, names)):  # the time of birth comes first
                held = None if name in self._given_up else LockedDirectory.take_over(above, name)
                if held is not None:
                    self._held = held
                    self._names = list(filter(_SEGMENT.fullmatch, held.names()))
                    return held
        return None

    def _leave(self, held: LockedDirectory) -> None:
        """Remove a directory whose segments are done, with the progress of what was moved away."""
        self._held, self._in_place = None, []
        try:
            for name in held.names():
                if name.endswith(".ack"):
                    held.unlink(name)
            with entered(self._folder, self._destination, make=False) as above:
                held.remove(above)
        except OSError:
            self._given_up.add(held.name)
            held.release()
