"""The emitter: folds batches, and at each flush sends them through the client's pipeline and accounts for every call."""

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import Final

from queue_telemetry._runtime import Delivery, DeliveryLedger, DropReason, say
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.metrics import Batch
from queue_telemetry.statsd._aggregate import Aggregate
from queue_telemetry.statsd._dispatch import Dispatch
from queue_telemetry.statsd._naming import SeriesNames
from queue_telemetry.statsd._rendering import Rendering
from queue_telemetry.statsd._self_metrics import SelfMetrics
from queue_telemetry.statsd._turn import Turn
from queue_telemetry.statsd.client import StatsClient

__all__ = ["Emitter"]

_LOCK_WAIT_S: Final = (
    1.0  # a fold takes microseconds; only a signal handler in the middle of one can wait in vain
)


class Emitter:
    """Sends what the instruments measured. Its `add` may come from any thread; one flush runs at a time.

    The lock guards the aggregate and is held for folding only. A thread that finds it taken leaves its batch in the
    inbox for the holder, so that neither threads nor signal handlers wait. Not fork-aware: its owner makes a new one
    in a child.

    Args:
        client: What the lines go through; closed by `close`.
        ledger: Accounts for every call in the batches; nobody else's units go through it.
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
        self._inbox: deque[Batch] = deque()  # emptied by every add
        self._lock = threading.Lock()
        self._aggregate = Aggregate(max_samples=max_samples, sends_owned_gauges=slot is not None)
        self._turn = Turn()
        self._names = SeriesNames(
            dialect,
            client._prefix or "",
            client._constant_tags,
            timer_type=timer_type,
            host=host,
            slot=slot,
            fields=client._fields,
        )
        self._pipeline = client.pipeline()
        self._rendering = Rendering(
            self._pipeline,
            self._names,
            timer_type=timer_type,
            ledger=ledger,
            self_metrics=SelfMetrics(signals),
        )
        self._dispatch = Dispatch(client, self._pipeline, self._rendering, ledger)
        self._closed = False
        self._sent_all = False

    @property
    def pending_weight(self) -> int:
        """Calls held here now."""
        waiting = sum(batch.weight for batch in list(self._inbox))
        unsent = self._rendering.weight + self._pipeline.weight + self._dispatch.weight
        return waiting + self._aggregate.weight + unsent

    def add(self, batch: Batch) -> None:
        """Fold a batch in. Any thread; no I/O. Must not block and must not raise."""
        self._ledger.accept(batch.weight)
        self._inbox.append(batch)
        lost: set[DropReason] = set()
        while self._inbox and self._lock.acquire(blocking=False):
            try:
                lost |= self._empty_inbox()
            finally:
                self._lock.release()
        for reason in lost:
            say(f"statsd_{reason}", "Measurements are not sent: %s", reason)

    def flush(self, timeout_s: float) -> bool:
        """Send all that was folded before the call.

        Without an address everything stays folded. The first flush waits, within *timeout_s*, for the first answer
        of DNS. Past the deadline it stops after a datagram or a burst, and the next flush goes on from there.

        Args:
            timeout_s: Seconds; 0 does a first part.

        Returns:
            Whether nothing of it is pending.
        """
        deadline = time.monotonic() + max(timeout_s, 0.0)
        if self._closed or not self._client.await_address(timeout_s):
            return self.pending_weight == 0
        if not self._turn.take(deadline):
            return False
        try:
            return self._flush(deadline)
        finally:
            self._end_turn()

    def close(self, timeout_s: float) -> bool:
        """Set the process's own gauges to 0, flush, and close the client; what is left is dropped. Idempotent.

        Returns:
            Whether everything was sent in time.
        """
        deadline = time.monotonic() + max(timeout_s, 0.0)
        if self._closed:
            return self._sent_all
        self._closed = True  # from here on batches are dropped as CLOSED
        if self.pending_weight:
            self._client.await_address(timeout_s)
        if self._turn.take(deadline):
            try:
                self._sent_all = self._say_goodbye(deadline)
            finally:
                self._end_turn()
        self._client.close()
        return self._sent_all

    def forget(self) -> None:
        """In a forked child: close its copy of the parent's socket. Takes no lock."""
        self._client.forget()

    def stats(self) -> dict[str, object]:
        """Return where it sends, what it sent and what it lost, and why; plain values for JSON."""
        delivery = self._ledger.read()
        return {
            **self._client.stats(),
            "accepted": delivery.accepted,
            "delivered": delivery.delivered,
            "dropped": {str(reason): units for reason, units in delivery.dropped.items()},
            "pending": delivery.pending,
            "series": len(self._names),
            "folded_series": self._names.folded,
        }

    def _empty_inbox(self) -> set[DropReason]:
        """Fold what waits; return why some of it is lost. The lock is held."""
        lost: set[DropReason] = set()
        while self._inbox:
            batch = self._inbox.popleft()
            losses = self._refuse(batch) if self._closed else self._aggregate.fold(batch)
            for reason, weight in (*batch.dropped.items(), *losses.items()):
                self._ledger.drop(weight, reason)
            lost.update(reason for reason, weight in losses.items() if weight)
        return lost

    def _refuse(self, batch: Batch) -> dict[DropReason, int]:
        return {DropReason.CLOSED: batch.weight - sum(batch.dropped.values())}

    def _end_turn(self) -> None:
        self._turn.end()
        if self._closed and self._turn.take(0.0):  # else whoever has it does this after us
            try:
                self._discard()
            finally:
                self._turn.end()

    def _say_goodbye(self, deadline: float) -> bool:
        """Send the last window, and then what became of it. The turn is held."""
        if not self._client.resolved:
            return self.pending_weight == 0
        with self._lock_until(deadline) as held:
            if held:
                self._aggregate.zero_process_gauges()
        if not self._flush(deadline):
            return False
        self._rendering.begin_self_metrics()
        return self._dispatch.run(deadline)

    def _discard(self) -> None:
        """Drop everything that is still here, after the last flush. The turn is held."""
        reason = DropReason.SHUTDOWN if self._client.resolved else DropReason.UNRESOLVED
        self._client.close()
        self._dispatch.abandon()
        weight = self._rendering.abandon() + self._pipeline.discard()
        with self._lock_until(time.monotonic() + _LOCK_WAIT_S) as held:
            if held:
                self._empty_inbox()
                weight += self._aggregate.take().weight
        self._ledger.drop(weight, reason)

    @contextmanager
    def _lock_until(self, deadline: float) -> Generator[bool]:
        """Hold the lock of the aggregate, or tell that the deadline came first."""
        held = self._lock.acquire(timeout=max(deadline - time.monotonic(), 0.0))
        try:
            yield held
        finally:
            if held:
                self._lock.release()

    def _flush(self, deadline: float) -> bool:
        """Send the rest of the window before, then the present one. The turn is held."""
        self._dispatch.begin()
        if not self._dispatch.run(deadline):
            return False
        with self._lock_until(deadline) as held:
            if not held:
                return False
            self._empty_inbox()
            window = self._aggregate.take()
        self._rendering.begin(window)
        return self._dispatch.run(deadline)
