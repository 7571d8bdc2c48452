"""The shipper: a thread that sends the oldest chunk until the collector has taken or refused it, and one at the disk."""

import logging
import math
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from queue_telemetry._runtime import (
    BackgroundLoop,
    Bell,
    Clock,
    Delivery,
    DropReason,
    OwnedLock,
    guarded,
    say,
)
from queue_telemetry.logs._circuit import CircuitState
from queue_telemetry.logs._courier import Courier
from queue_telemetry.logs._keeper import Keeper
from queue_telemetry.logs._losses import Losses
from queue_telemetry.logs._storage import LossRecord
from queue_telemetry.logs._upkeep import Upkeep
from queue_telemetry.logs.buffer import RecordBuffer
from queue_telemetry.logs.spool import Spool

__all__ = ["Shipper"]

_NAME: Final = "queue_telemetry-logs"
_IDLE_S: Final = 60.0  # a wait has an end, even when nothing is there to send
_STOP_GRACE_S: Final = 0.2  # what a shut-down socket needs to end the thread
_SPILL_S: Final = 0.5  # of a closing time: to write all memory to the disk's cache, many times over
_UNREADABLE_S: Final = 5.0  # until the disk is asked again for what it could not give
_PARKED_FAILURES: Final = 3  # as many failures in a row as a refused key counts for, or a disk that hangs


@dataclass(slots=True, eq=False)
class _Waiter:
    """Somebody in `flush`: until which chunk, until when (monotonic seconds), how to tell them, and whether they were."""

    number: int
    deadline_s: float
    bell: Bell = field(default_factory=Bell)
    is_over: bool = False


class Shipper:
    """Delivers what a buffer holds, oldest first, for as long as it takes.

    What fails goes back to the buffer and is tried again; only limits of size and age, an answer that it will never be
    taken, or `close` end that. Whoever takes a chunk sends it, so a caller can step in where no thread can be started.
    Not fork-aware: a child makes new objects and lets go of these.

    Args:
        buffer: Where chunks come from.
        courier: Sends them.
        clock: For delays.
        spool: Where the buffer keeps copies; None where it keeps none.
        make_loss_record: Makes the record that tells of losses once they are over; None for no such record.

    Attributes:
        buffer: Where the sink appends.
    """

    def __init__(
        self,
        buffer: RecordBuffer,
        courier: Courier,
        *,
        clock: Clock,
        spool: Spool | None = None,
        make_loss_record: LossRecord | None = None,
    ) -> None:
        self.buffer = buffer
        self._courier = courier
        self._clock = clock
        self._spool = spool
        self._upkeep = Upkeep(buffer, clock, spool, make_loss_record)
        self._loop = BackgroundLoop(_NAME, self.step)
        self._keeper = Keeper(
            buffer,
            spool,
            self._upkeep,
            clock=clock,
            is_failing=lambda: courier.schedule.failures > 0,
            on_more=self._loop.wake,
        )
        self._starting = OwnedLock()  # guards the start of the threads
        self._waiters: list[_Waiter] = []
        self._closed = False
        self._left = 0
        self._overflowed = 0

    def start(self) -> bool:
        """Start the threads unless they run; False when the process can have no more, or after `close`."""
        if self._closed or (self._loop.alive and self._keeper.is_ready):
            return not self._closed
        # another thread, or this one below a signal handler, may be at it
        return self._starting.run(0.0, self._start, otherwise=True)

    def _start(self) -> bool:
        self._keeper.start()
        return self._loop.alive or self._loop.start()

    @property
    def inherits(self) -> bool:
        """Whether there is work without a record: to deliver what dead processes left."""
        return self._spool is not None

    def wake(self) -> None:
        """Have the threads look at the buffer, starting them if need be. For `buffer.on_wake`; must not raise."""
        if self.start():
            self._loop.wake()
            self._keeper.wake()

    def step(self, within_s: float = math.inf) -> float:
        """Send at most one chunk, within so many seconds, and return the seconds until there may be more to do.

        The thread's body.
        """
        try:
            return self._step(within_s)
        except BaseException:
            self.buffer.give_back()  # also when it was taken, and nobody had it in hand yet
            raise

    def _step(self, within_s: float) -> float:
        due_s = self.buffer.seal_due()
        look_s = self._keeper.help_out()
        wait_s = self._courier.schedule.not_before_s - self._clock.monotonic()
        if wait_s > 0:
            self._tell_waiters()
            seals_s = _IDLE_S if due_s is None or self._spool is None else due_s  # to be written when sealed
            return min(wait_s, seals_s, _IDLE_S)
        chunk = self.buffer.take(self._courier.allowance_bytes)
        if chunk is None:
            self._tell_waiters()
            look_s = _UNREADABLE_S if self.buffer.has_sealed else look_s
            return min(_IDLE_S if due_s is None else due_s, look_s, _IDLE_S)
        self._courier.carry(chunk, within_s, hurried=bool(self._waiters))
        self._say_overflow()
        self._tell_waiters()
        return 0.0

    def flush(self, timeout_s: float) -> bool:
        """Wait until all records appended before this call are delivered or dropped; True when they were in time.

        Cuts a backoff to the wait of a first failure; what the collector asked for stands. Returns early when the
        next attempt would come too late, and in a signal handler that interrupts an append, for which all waits.
        """
        return not self.buffer.is_interrupted and self._drain(timeout_s, last_chance=False)

    def close(self, timeout_s: float) -> bool:
        """Refuse new records, send the rest, stop; what is left when the time is over goes to the spool.

        Without a spool, or when that does not take it, it is dropped as shutdown. A destination that failed lately is
        not waited for when there is a spool.

        Returns:
            True when nothing was left. Always within the time and a fraction of a second. In a signal handler that
            interrupts an append False at once: all this is done behind that, before what the handler raises goes on.
        """
        if self._closed:
            return self._left == 0
        if self.buffer.put_off(partial(self.close, timeout_s)):
            return False
        deadline_s = self._clock.monotonic() + timeout_s
        done = False
        try:
            self._upkeep.tell_losses(at_once=True)
            self.buffer.refuse()
            if self._spool is None:
                done = self._drain(timeout_s, last_chance=True)
            elif self._courier.circuit.state is CircuitState.OPEN:
                done = self.buffer.settled(self.buffer.seal())
            else:
                done = self._drain(timeout_s - min(_SPILL_S, timeout_s / 4), last_chance=True)
        finally:  # an interrupt ends the wait, not the rest
            self._end(deadline_s, done=done)
        return self._left == 0

    def _end(self, deadline_s: float, *, done: bool) -> None:
        self.buffer.refuse()
        if not done:
            self._courier.sender.abort()
        spill_s = 0.0 if self._spool is None else _SPILL_S / 2
        ended = self._loop.stop(max(deadline_s - spill_s - self._clock.monotonic(), _STOP_GRACE_S))
        self._closed = True
        before = self.buffer.given_up
        self._keeper.leave(max(deadline_s, self._clock.monotonic() + _STOP_GRACE_S))
        lost, kept = self.buffer.given_up - before, self.buffer.kept
        self._left += lost + self.buffer.own_records
        if ended:  # else the thread may be at the connection still; it ends with the process
            self._courier.sender.close()
        with guarded():
            if lost:
                say("logs.shutdown", "%d log records were not delivered before the shutdown", lost)
            if kept:
                message = "%d log records are left in the spool for the next process"
                say("logs.left", message, kept, level=logging.INFO)

    def enforce_deadline(self) -> None:
        """End a POST that takes too long. For the owner's ticker, about once a second; must not block."""
        self._courier.sender.enforce_deadline()

    def forget(self) -> None:
        """In a forked child: close its copies of the parent's connection and files. Takes no lock, in silence."""
        self._courier.sender.forget()
        if self._spool is not None:
            self._spool.forget()

    def inherit(self, losses: Losses) -> None:
        """Tell of what a closed shipper lost and told nobody, and look soon for what it left on disk."""
        self._upkeep.inherit(losses)
        self.wake()

    def legacy(self) -> tuple[Delivery, Losses]:
        """Return, of a closed shipper, its counts without what it left to be adopted, and what it lost and told nobody."""
        losses = self._upkeep.take_losses()
        done, left = self.delivery(), self.buffer.history.chunks
        adopted = done.adopted - sum([chunk.records for chunk in left if chunk.adopted])
        own = sum([chunk.records for chunk in left if not chunk.adopted])
        return Delivery(done.accepted - own, adopted, done.delivered, done.dropped, 0), losses

    def delivery(self) -> Delivery:
        """Return what became of the records, as of one moment."""
        return self.buffer.read()[0]

    @property
    def failures(self) -> int:
        """Attempts in a row that failed; 0 while all is well. A wrong setting, and a disk in the way, count for several."""
        schedule, spool = self._courier.schedule, self._spool
        is_disk_in_the_way = spool is not None and (spool.hangs or spool.pauses)
        is_wrong = schedule.probes or is_disk_in_the_way
        return max(schedule.failures, _PARKED_FAILURES) if is_wrong else schedule.failures

    def stats(self) -> dict[str, object]:
        """Return how delivery goes, ready for JSON: no address and no secret in it."""
        delivery, pending, pending_bytes = self.buffer.read()
        courier, spool = self._courier, self._spool
        return {
            "state": self._state(),
            "circuit": str(courier.circuit.state),
            "accepted": delivery.accepted,
            "adopted": delivery.adopted,
            "delivered": delivery.delivered,
            "dropped": {str(reason): count for reason, count in delivery.dropped.items()},
            "pending": pending,
            "pending_bytes": pending_bytes,
            **courier.sent,
            "last_status": courier.last_status,
            "last_error": courier.last_error,
        } | ({} if spool is None else {"not_written": self.buffer.not_written, "spool": spool.stats()})

    def _state(self) -> str:
        schedule = self._courier.schedule
        if schedule.failures:
            return "parked" if schedule.probes else "retrying"
        return "ok" if self._courier.sent["batches"] else "idle"

    def _drain(self, timeout_s: float, *, last_chance: bool) -> bool:
        waiter = _Waiter(self.buffer.seal(), self._clock.monotonic() + timeout_s)
        if self.buffer.settled(waiter.number):
            return True
        self._courier.schedule.hurry(last_chance=last_chance)
        self._waiters.append(waiter)
        try:
            if self.start():
                self._loop.wake()
                waiter.bell.wait(timeout_s)
            else:
                self._drain_here(waiter)
        finally:
            self._waiters.remove(waiter)
        return self.buffer.settled(waiter.number)

    def _drain_here(self, waiter: _Waiter) -> None:
        """Do the thread's work on the caller's, where none can be started, as at the interpreter's end."""
        with guarded():
            while not waiter.is_over:
                left_s = waiter.deadline_s - self._clock.monotonic()
                if left_s <= 0:
                    return
                waiter.bell.wait(min(self.step(left_s), left_s))

    def _tell_waiters(self) -> None:
        not_before_s = self._courier.schedule.not_before_s
        for waiter in tuple(self._waiters):
            if self.buffer.settled(waiter.number) or not_before_s > waiter.deadline_s:
                waiter.is_over = True
                waiter.bell.ring()

    def _say_overflow(self) -> None:
        overflowed = self.delivery().dropped.get(DropReason.OVERFLOW, 0)
        if overflowed > self._overflowed:
            self._overflowed = overflowed
            say("logs.overflow", "%d log records were dropped so far, the buffer being full", overflowed)
