"""What the kernel took of a socket's datagrams: noted by the very C call that sends, so that it is exact at any moment."""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from queue_telemetry._runtime import OwnedLock

__all__ = ["NONE_TAKEN", "Taken", "TakenLog"]

_MAX_NOTES: Final = 16  # before they are added up

_Note = tuple[int, int]
"""The bytes and lines of one datagram: two notes are never the same object, whatever is in them."""


class Taken(NamedTuple):
    """Sums over what the kernel has taken whole.

    Attributes:
        datagrams: How many.
        lines: How many were in them.
        size_bytes: How long they were together, in bytes.
    """

    datagrams: int
    lines: int
    size_bytes: int

    def with_one(self, lines: int, size_bytes: int) -> "Taken":
        """Return the sums with one datagram more."""
        return Taken(self.datagrams + 1, self.lines + lines, self.size_bytes + size_bytes)


NONE_TAKEN: Final = Taken(0, 0, 0)


class TakenLog:
    """Sends and notes in one step, within which no signal handler runs: both are done, or neither. Any thread.

    Notes are added up a few at a time. The sums and the note that was added last are one page, replaced whole, so that
    an exception that comes out anywhere leaves no note out and adds none twice.
    """

    def __init__(self) -> None:
        self._notes: deque[_Note] = deque()  # bounded by `send`
        self._page: tuple[Taken, _Note | None] = NONE_TAKEN, None
        self._turn = OwnedLock()

    def send(self, send: Callable[[bytes], int], payload: bytes) -> None:
        """Send one datagram through the socket's own method, and note it. Raises what that raises."""
        lines = payload.count(b"\n") + 1
        self._notes.extend(zip(map(send, (payload,)), (lines,), strict=False))
        if len(self._notes) > _MAX_NOTES:
            self._turn.run(0.0, self._add_up, otherwise=None)

    @property
    def datagrams(self) -> int:
        """Datagrams that were taken."""
        (total, _), notes = self._read()
        return total.datagrams + len(notes)

    @property
    def total(self) -> Taken:
        """All that was taken."""
        (total, _), notes = self._read()
        for size_bytes, lines in notes:
            total = total.with_one(lines, size_bytes)
        return total

    def _read(self) -> tuple[tuple[Taken, _Note | None], tuple[_Note, ...]]:
        """Return a page and the notes that are not on it, both as of one moment."""
        while True:
            page, notes = self._page, tuple(self._notes)
            if page is self._page:  # else a note went from there to here in between
                return page, notes[1:] if notes and notes[0] is page[1] else notes

    def _add_up(self) -> None:
        """Put on the page what was noted before the call. The turn is held."""
        for _ in range(len(self._notes)):
            note, (total, last) = self._notes[0], self._page
            if note is not last:
                size_bytes, lines = note
                self._page = total.with_one(lines, size_bytes), note
            self._notes.popleft()
