"""The emitter: folds batches, and at each flush sends them through the client's pipeline and accounts for every call."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from queue_telemetry._runtime import Delivery, DeliveryLedger, DropReason, OwnedLock
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.metrics import Batch
from queue_telemetry.statsd._aggregate import Aggregation
from queue_telemetry.statsd._dispatch import Dispatch, Stop
from queue_telemetry.statsd._inbox import Inbox
from queue_telemetry.statsd._naming import SeriesNames
from queue_telemetry.statsd._pace import Pace
from queue_telemetry.statsd._rendering import Rendering
from queue_telemetry.statsd._self_metrics import SelfMetrics
from queue_telemetry.statsd._turns import Turns, left_s
from queue_telemetry.statsd.client import StatsClient

__all__ = ["Emitter"]

_BURST_BYTES: Final = 32 * 1432  # a fifth of a receiver's usual buffer
_SHARE: Final = 0.5  # of a deadline: the rest is for what comes up meanwhile
_FULL_LIMIT_S: Final = 0.5  # an agent that takes nothing for so long hangs, and an exit must not wait for it
_LAST_WORDS: Final = 2  # the last window, and what became of it
_LAST_TURN_S: Final = 0.05  # for the thread that has the turn when all is over: a turn takes milliseconds


class Emitter:
    """Sends what the instruments measured. Its methods may come from any thread: they take turns.

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
        self._turn = OwnedLock()
        self._turns = Turns(self._turn)
        self._names = SeriesNames(
            dialect,
            client._prefix or "",
            client._constant_tags,
            timer_type=timer_type,
            host=host,
            slot=slot,
            fields=client._fields,
        )
        own = SelfMetrics(signals)
        self._rendering = Rendering(client, self._names, timer_type=timer_type, self_metrics=own)
        self._dispatch = Dispatch(
            client, self._rendering, ledger, Pace(dialect.pace_bytes_per_s, _BURST_BYTES)
        )
        aggregation = Aggregation(max_samples=max_samples, sends_owned_gauges=slot is not None)
        self._inbox = Inbox(aggregation, self._dispatch)
        self._closed = False  # batches are refused, and no window begins but the last
        self._over = False  # what is held is dropped
        self._sent_all = False
        self._last_words = 0  # parts of the goodbye that were begun

    @property
    def unresolvable(self) -> bool:
        """Whether DNS was asked for the receiver and no address is known: all of it stays here."""
        return self._client.unresolvable

    @property
    def pending_weight(self) -> int:
        """Calls held here now."""
        books, waiting = self._inbox.read()
        return books.pending + waiting

    def add(self, batch: Batch) -> None:
        """Fold a batch in. Any thread; no I/O. Must not block and must not raise."""
        self._inbox.leave(batch, is_late=self._closed)
        self._tidy()

    def flush(self, timeout_s: float, *, share: float = _SHARE) -> bool:
        """Send all that was added before the call.

        Without an address everything stays folded. The first flush waits, within *timeout_s*, for the first answer
        of DNS. Datagrams keep the pace of the dialect, from one flush to the next; when that would take more than
        *share* of *timeout_s*, they go faster. Past the deadline it stops after a datagram or a burst, and the next
        flush goes on from there.

        Args:
            timeout_s: Seconds; 0 does a first part.
            share: In (0, 1]: what may go by before the last datagram, the rest being for what comes up meanwhile.

        Returns:
            Whether nothing of it is pending.
        """
        deadline = time.monotonic() + max(timeout_s, 0.0)
        self._tidy()
        if self._closed or not self._client.await_address(timeout_s):
            return self.pending_weight == 0
        goal, begun = deadline - timeout_s * (1 - share), list[int]()
        try:
            ended = self._turns.take(partial(self._step, begun, goal, deadline), deadline)
            return ended and self._dispatch.books.windows > begun[0]
        finally:
            self._tidy()

    def flush_news(self, timeout_s: float, *, address_timeout_s: float, waits_for_pace: bool) -> bool:
        """Send what happened since the last sending: of gauges only those that were set.

        Args:
            timeout_s: Seconds that it may wait for room in the socket.
            address_timeout_s: Seconds that it may wait for the first answer of DNS.
            waits_for_pace: Otherwise what the pace does not let through at once is left to the next flush.

        Returns:
            Whether nothing is pending.
        """
        self._tidy()
        if self._closed or not self._client.await_address(address_timeout_s):
            return self.pending_weight == 0
        deadline = time.monotonic() + timeout_s
        try:
            return self._turns.take(self._step_of_news, deadline, waits_for_pace=waits_for_pace)
        finally:
            self._tidy()

    def close(self, timeout_s: float) -> bool:
        """Set the process's own gauges to 0, flush, and close the client; what is left is dropped. Idempotent.

        A socket that stays full for half a second is given up.

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
            if self._client.resolved:
                step = partial(self._step_of_goodbye, deadline - timeout_s * (1 - _SHARE), deadline)
                self._sent_all = self._turns.take(step, deadline, full_limit_s=_FULL_LIMIT_S)
            else:
                self._sent_all = self.pending_weight == 0
        finally:
            self._over = True
            self._tidy(_LAST_TURN_S)
            self._client.close()
        return self._sent_all

    def forget(self) -> None:
        """In a forked child: close its copy of the parent's socket. Takes no lock."""
        self._client.forget()

    def stats(self) -> dict[str, object]:
        """Return where it sends, what it sent and what it lost, and why; plain values for JSON."""
        books, waiting = self._inbox.read()
        return {
            **self._client.stats(),
            "accepted": books.accepted + waiting,
            "delivered": books.delivered,
            "dropped": {str(reason): units for reason, units in books.dropped.items()},
            "pending": books.pending + waiting,
            "series": len(self._names),
            "folded_series": self._names.folded,
        }

    def _tidy(self, timeout_s: float = 0.0) -> None:
        """Do what came up during a turn, unless another thread keeps it for longer: it does so after that."""
        tidied = True
        while tidied and (self._inbox or (self._over and self._dispatch.books.pending)):
            tidied = self._turn.run(timeout_s, self._tidy_in_turn, otherwise=False)

    def _tidy_in_turn(self) -> bool:
        self._inbox.empty()
        if self._over:
            self._dispatch.note_taken()
            self._sent_all &= self._dispatch.books.pending == 0
            reason = DropReason.SHUTDOWN if self._client.resolved else DropReason.UNRESOLVED
            self._dispatch.books = self._dispatch.books.with_all_dropped(reason)
        self._dispatch.books.tell(self._ledger)
        return True

    def _step(self, begun: list[int], goal: float, deadline: float) -> Stop | None:
        """Send what is on its way and then a window that begins after the first turn, which *begun* notes."""
        if not begun:  # in the turn, since another thread may just be beginning a window, without our batch
            begun.append(self._dispatch.books.windows)
        while (stop := self._dispatch.run(left_s(goal, deadline))) is None:
            if self._closed or self._dispatch.books.windows > begun[0]:
                return None
            self._begin_window()
        return stop

    def _step_of_news(self) -> Stop | None:
        """Send what is on its way and then what is new, for as long as the pace allows. The turn is held."""
        while (stop := self._dispatch.run(0.0)) is None:
            self._inbox.empty()
            books = self._dispatch.books
            if self._closed or not books.window.has_news:
                books.tell(self._ledger)
                return None
            lines = self._rendering.lines(books.window, news_only=True)
            self._dispatch.books = books.with_lines(lines, books.window.next(), is_whole=False)
        return stop

    def _step_of_goodbye(self, goal: float, deadline: float) -> Stop | None:
        """Send what is on its way, the last window, and then what became of it. The turn is held."""
        while (stop := self._dispatch.run(left_s(goal, deadline))) is None:
            if self._last_words == _LAST_WORDS:
                return None
            if self._last_words:
                books = self._dispatch.books
                self._dispatch.books = books.with_lines((), books.window, is_whole=False)
            else:
                self._begin_window(is_last=True)
            self._last_words += 1
        return stop

    def _begin_window(self, *, is_last: bool = False) -> None:
        self._inbox.empty()
        books = self._dispatch.books
        window = books.window.with_process_gauges_at_zero() if is_last else books.window
        self._dispatch.books = books.with_lines(self._rendering.lines(window), window.next(), is_whole=True)
