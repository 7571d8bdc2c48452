"""The emitter: folds batches, and at each flush sends them through the client's pipeline and accounts for every call."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from queue_telemetry._runtime import Delivery, DeliveryLedger, DropReason, OwnedLock, say
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.metrics import Batch
from queue_telemetry.statsd._aggregate import Aggregation
from queue_telemetry.statsd._books import NEW_BOOKS, Books, Entry
from queue_telemetry.statsd._naming import SeriesNames
from queue_telemetry.statsd._packer import Datagram
from queue_telemetry.statsd._rendering import Rendering
from queue_telemetry.statsd._self_metrics import SelfMetrics
from queue_telemetry.statsd.client import StatsClient

__all__ = ["Emitter"]

_BURST_DATAGRAMS: Final = 32  # bursts of 256 overflow a receiver's default buffer; 32 a millisecond never did
_PAUSE_S: Final = 0.001


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
        self._books = NEW_BOOKS
        self._offered: tuple[Datagram | None, int] = (
            None,
            0,
        )  # the last one, and how many were taken before it
        self._turn = OwnedLock()
        self._aggregation = Aggregation(max_samples=max_samples, sends_owned_gauges=slot is not None)
        self._names = SeriesNames(
            dialect, client._prefix or "", client._constant_tags, timer_type=timer_type, host=host, slot=slot
        )
        self._rendering = Rendering(
            client, self._names, timer_type=timer_type, self_metrics=SelfMetrics(signals)
        )
        self._pause = threading.Lock()  # held for good: the pacing waits for it, and no exception harms it
        self._pause.acquire()
        self._burst = 0
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
        of DNS. Past the deadline it stops after a datagram or a burst, and the next flush goes on from there.

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
        }

    def _read(self) -> tuple[Books, int]:
        """Return the books and the weight that waits in the inbox, both as of one moment."""
        while True:
            books, inbox = self._books, tuple(self._inbox)
            if books.folded is self._books.folded:  # else a batch went from there to here in between
                return books, sum(entry[0].weight for entry in inbox if entry is not books.folded)

    def _tidy(self) -> None:
        """Do what came up during a turn, unless another thread has one now: it does so after that."""
        tidied = True
        while tidied and (self._inbox or (self._over and self._books.pending)):
            tidied = self._turn.run(0.0, self._tidy_in_turn, otherwise=False)

    def _tidy_in_turn(self) -> bool:
        self._empty_inbox()
        if self._over:
            if self._books.datagrams and self._was_taken(self._books.datagrams[0]):
                self._books = self._books.with_sent(None)
            reason = DropReason.SHUTDOWN if self._client.resolved else DropReason.UNRESOLVED
            self._books = self._books.with_all_dropped(reason)
        self._books.tell(self._ledger)
        return True

    def _empty_inbox(self) -> None:
        """Fold what waits. The turn is held."""
        while self._inbox:
            entry = self._inbox[0]
            if entry is not self._books.folded:
                self._fold(entry)
            self._inbox.popleft()

    def _fold(self, entry: Entry) -> None:
        books, (batch,) = self._books, entry
        if self._closed:
            window, lost = books.window, {DropReason.CLOSED: batch.weight - sum(batch.dropped.values())}
        else:
            window, lost = self._aggregation.fold(books.window, batch)
        self._books = books.with_batch(entry, window, lost)
        for reason, weight in lost.items():
            if weight:
                say(f"statsd_{reason}", "Measurements are not sent: %s", reason)

    def _say_goodbye(self, deadline: float) -> bool:
        """Send the last window, and then what became of it. The turn is held."""
        if not self._client.resolved:
            return self._books.pending == 0
        books = self._books
        self._books = books._replace(window=books.window.with_process_gauges_at_zero())
        if not self._flush(deadline):
            return False
        self._books = self._books.with_lines((), self._books.window)
        return self._send(deadline)

    def _flush(self, deadline: float) -> bool:
        """Send the rest of the window before, then the present one. The turn is held."""
        self._burst = 0
        try:
            if not self._send(deadline):
                return False
            self._empty_inbox()
            books = self._books
            self._books = books.with_lines(self._rendering.lines(books.window), books.window.next())
            return self._send(deadline)
        finally:
            self._books.tell(self._ledger)

    def _send(self, deadline: float) -> bool:
        """Write and send in turns; False when the deadline came before the last weight. The turn is held."""
        while True:
            while self._books.datagrams:
                self._send_one()
                self._burst += 1
                if self._burst >= _BURST_DATAGRAMS:
                    self._burst = 0
                    self._pause.acquire(timeout=_PAUSE_S)
                    if time.monotonic() >= deadline:
                        return self._books.on_their_way == 0
            if self._books.lines is None:
                return True
            self._books.tell(self._ledger)  # of which the library's own counters are made
            self._books = self._rendering.write_piece(self._books)

    def _send_one(self) -> None:
        """Offer the first datagram to the kernel, unless it was taken already and an exception kept us from noting it."""
        books, reason = self._books, None
        datagram = books.datagrams[0]
        if not self._was_taken(datagram):
            self._offered = datagram, self._client.taken
            reason = self._client._after(datagram.payload)
        self._books = books.with_sent(reason)

    def _was_taken(self, datagram: Datagram) -> bool:
        """Tell whether the kernel has taken a datagram that is in the books still."""
        offered, taken_before = self._offered
        return datagram is offered and self._client.taken != taken_before


def _until(deadline: float) -> float:
    """Return the seconds until *deadline*, and 0 when it is over."""
    return max(deadline - time.monotonic(), 0.0)
