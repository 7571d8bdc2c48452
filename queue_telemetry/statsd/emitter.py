"""The emitter: folds batches, and at each flush sends them through the client's pipeline and accounts for every call."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from queue_telemetry._runtime import Delivery, DeliveryLedger, DropReason, OwnedLock, say
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.metrics import Batch
from queue_telemetry.statsd._aggregate import Aggregation
from queue_telemetry.statsd._books import Books, Entry
from queue_telemetry.statsd._dispatch import Dispatch
from queue_telemetry.statsd._naming import SeriesNames
from queue_telemetry.statsd._pace import Pace
from queue_telemetry.statsd._rendering import Rendering
from queue_telemetry.statsd._self_metrics import SelfMetrics
from queue_telemetry.statsd.client import StatsClient

__all__ = ["Emitter"]

_BURST_BYTES: Final = 32 * 1432  # a fifth of a receiver's usual buffer


class Emitter:
    """Sends what the instruments measured. Its `add` may come from any thread; one flush runs at a time.

    What it holds and has done is one page of its books, which only the thread that has the turn replaces, and whole: an
    exception may end a flush anywhere, a time limit's from a signal handler say, and the next one goes on from there.
    A thread that finds the turn taken leaves its batch in the inbox for the holder, so that neither threads nor signal
    handlers wait. Not fork-aware: its owner makes a new one in a child.

    Args:
        client: What the lines go through, nobody else's among them; closed by `close`.
        ledger: Hears of every call in the batches, and of nobody else's, soon after the books.
        signals: Ledgers to report as `queue.telemetry.*`, by signal.
        timer_type: The line type of timings, one that the client's dialect has.
        max_samples: Durations kept for a series and flush; past it a weighted sample is sent.
        host: The host in the names of owned gauges, where no agent adds it.
        slot: This process's slot on the host; None: gauges that a process owns are WITHHELD.

    Raises:
        ConfigurationError: *timer_type* or *max_samples* is outside its limits.
    """

    def __init__(
        self,
        client: StatsClient,
        *,
        ledger: DeliveryLedger,
        signals: Mapping[str, Callable[[], Delivery]],
        timer_type: str,
        max_samples: int,
        host: str,
        slot: int | None,
    ) -> None:
        dialect = client._dialect
        if timer_type not in dialect.timer_types:
            raise ConfigurationError(
                f"STATSD_TIMER_TYPE is {timer_type!r}; dialect {dialect.name!r} has {', '.join(dialect.timer_types)}"
            )
        if max_samples < 1:
            raise ConfigurationError(f"STATSD_MAX_SAMPLES is {max_samples}; it must be 1 or more")
        self._client = client
        self._ledger = ledger
        self._inbox: deque[Entry] = deque()  # emptied by every add
        self._turn = OwnedLock()
        self._aggregation = Aggregation(max_samples=max_samples, sends_owned_gauges=slot is not None)
        self._names = SeriesNames(
            dialect,
            client._prefix or "",
            client._constant_tags,
            timer_type=timer_type,
            host=host,
            slot=slot,
            fields=client._fields,
        )
        self._rendering = Rendering(
            client, self._names, timer_type=timer_type, self_metrics=SelfMetrics(signals)
        )
        self._dispatch = Dispatch(
            client, self._rendering, ledger, Pace(dialect.pace_bytes_per_s, _BURST_BYTES)
        )
        self._closed = False  # batches are refused
        self._over = False  # what is held is dropped
        self._sent_all = False

    @property
    def pending_weight(self) -> int:
        """Calls held here now."""
        books, waiting = self._read()
        return books.pending + waiting

    def add(self, batch: Batch) -> None:
        """Fold a batch in. Any thread; no I/O. Must not block and must not raise."""
        self._inbox.append((batch,))
        self._tidy()

    def flush(self, timeout_s: float) -> bool:
        """Send all that was added before the call.

        Without an address everything stays folded. The first flush waits, within *timeout_s*, for the first answer
        of DNS. Datagrams keep the pace of the dialect, from one flush to the next; when that would take more than half
        of *timeout_s*, they go faster. Past the deadline it stops after a datagram or a burst, and the next flush goes
        on from there.

        Args:
            timeout_s: Seconds; 0 does a first part.

        Returns:
            Whether nothing of it is pending.
        """
        deadline = time.monotonic() + max(timeout_s, 0.0)
        self._tidy()
        if self._closed or not self._client.await_address(timeout_s):
            return self.pending_weight == 0
        try:
            return self._turn.run(_until(deadline), partial(self._flush, deadline), otherwise=False)
        finally:
            self._tidy()

    def close(self, timeout_s: float) -> bool:
        """Set the process's own gauges to 0, flush, and close the client; what is left is dropped. Idempotent.

        Returns:
            Whether everything was sent in time.
        """
        deadline = time.monotonic() + max(timeout_s, 0.0)
        if self._closed:
            return self._sent_all
        self._tidy()
        self._closed = True  # from here on batches are dropped as CLOSED
        try:
            if self.pending_weight:
                self._client.await_address(timeout_s)
            goodbye = partial(self._say_goodbye, deadline)
            self._sent_all = self._turn.run(_until(deadline), goodbye, otherwise=False)
        finally:
            self._over = True
            self._tidy()
            self._client.close()
        return self._sent_all

    def forget(self) -> None:
        """In a forked child: close its copy of the parent's socket. Takes no lock."""
        self._client.forget()

    def stats(self) -> dict[str, object]:
        """Return where it sends, what it sent and what it lost, and why; plain values for JSON."""
        books, waiting = self._read()
        return {
            **self._client.stats(),
            "accepted": books.accepted + waiting,
            "delivered": books.delivered,
            "dropped": {str(reason): units for reason, units in books.dropped.items()},
            "pending": books.pending + waiting,
            "series": len(self._names),
            "folded_series": self._names.folded,
        }

    def _read(self) -> tuple[Books, int]:
        """Return the books and the weight that waits in the inbox, both as of one moment."""
        while True:
            books, inbox = self._dispatch.books, tuple(self._inbox)
            if books.folded is self._dispatch.books.folded:  # else a batch went from there to here in between
                return books, sum(entry[0].weight for entry in inbox if entry is not books.folded)

    def _tidy(self) -> None:
        """Do what came up during a turn, unless another thread has one now: it does so after that."""
        tidied = True
        while tidied and (self._inbox or (self._over and self._dispatch.books.pending)):
            tidied = self._turn.run(0.0, self._tidy_in_turn, otherwise=False)

    def _tidy_in_turn(self) -> bool:
        self._empty_inbox()
        if self._over:
            self._dispatch.note_taken()
            reason = DropReason.SHUTDOWN if self._client.resolved else DropReason.UNRESOLVED
            self._dispatch.books = self._dispatch.books.with_all_dropped(reason)
        self._dispatch.books.tell(self._ledger)
        return True

    def _empty_inbox(self) -> None:
        """Fold what waits. The turn is held."""
        while self._inbox:
            entry = self._inbox[0]
            if entry is not self._dispatch.books.folded:
                self._fold(entry)
            self._inbox.popleft()

    def _fold(self, entry: Entry) -> None:
        books, (batch,) = self._dispatch.books, entry
        if self._closed:
            window, lost = books.window, {DropReason.CLOSED: batch.weight - sum(batch.dropped.values())}
        else:
            window, lost = self._aggregation.fold(books.window, batch)
        self._dispatch.books = books.with_batch(entry, window, lost)
        for reason, weight in lost.items():
            if weight:
                say(f"statsd_{reason}", "Measurements are not sent: %s", reason)

    def _say_goodbye(self, deadline: float) -> bool:
        """Send the last window, and then what became of it. The turn is held."""
        if not self._client.resolved:
            return self._dispatch.books.pending == 0
        books = self._dispatch.books
        self._dispatch.books = books._replace(window=books.window.with_process_gauges_at_zero())
        if not self._flush(deadline):
            return False
        self._dispatch.books = self._dispatch.books.with_lines((), self._dispatch.books.window)
        return self._dispatch.run(deadline)

    def _flush(self, deadline: float) -> bool:
        """Send the rest of the window before, then the present one. The turn is held."""
        try:
            if not self._dispatch.run(deadline):
                return False
            self._empty_inbox()
            books = self._dispatch.books
            self._dispatch.books = books.with_lines(self._rendering.lines(books.window), books.window.next())
            return self._dispatch.run(deadline)
        finally:
            self._dispatch.books.tell(self._ledger)


def _until(deadline: float) -> float:
    """Return the seconds until *deadline*, and 0 when it is over."""
    return max(deadline - time.monotonic(), 0.0)
