"""Batches on their way into the books: left by any thread, folded by the one that has the turn."""

from collections import deque

from queue_telemetry._runtime import DropReason, say
from queue_telemetry.metrics import Batch
from queue_telemetry.statsd._aggregate import Aggregation
from queue_telemetry.statsd._books import Books, Entry
from queue_telemetry.statsd._dispatch import Dispatch

__all__ = ["Inbox"]


class Inbox:
    """Keeps batches in their order until they are folded, each once, whatever exception comes in between.

    Args:
        aggregation: Folds them.
        dispatch: Holds the books.
    """

    def __init__(self, aggregation: Aggregation, dispatch: Dispatch) -> None:
        self._aggregation = aggregation
        self._dispatch = dispatch
        self._entries: deque[Entry] = deque()  # emptied by every add

    def __len__(self) -> int:
        return len(self._entries)

    def leave(self, batch: Batch, *, is_late: bool) -> None:
        """Take a batch; one that is late will be dropped as CLOSED. Any thread. Must not block and must not raise."""
        self._entries.append((batch, is_late))

    def empty(self) -> None:
        """Fold what waits. The turn is held."""
        while self._entries:
            entry = self._entries[0]
            if entry is not self._dispatch.books.folded:
                self._fold(entry)
            self._entries.popleft()

    def read(self) -> tuple[Books, int]:
        """Return the books and the weight that waits here, both as of one moment. Any thread."""
        while True:
            books, entries = self._dispatch.books, tuple(self._entries)
            if books.folded is self._dispatch.books.folded:  # else a batch went from there to here in between
                return books, sum(entry[0].weight for entry in entries if entry is not books.folded)

    def _fold(self, entry: Entry) -> None:
        books, (batch, is_late) = self._dispatch.books, entry
        if is_late:
            window, lost = books.window, {DropReason.CLOSED: batch.weight - sum(batch.dropped.values())}
        else:
            window, lost = self._aggregation.fold(books.window, batch)
        self._dispatch.books = books.with_batch(entry, window, lost)
        for reason, weight in lost.items():
            if weight:
                say(f"statsd_{reason}", "Measurements are not sent: %s", reason)
