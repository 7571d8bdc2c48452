"""The shipper: one thread that sends the oldest chunk until the collector has taken or refused it."""

import logging
import math
import threading
from dataclasses import dataclass, field
from typing import Final

from queue_telemetry._runtime import BackgroundLoop, Clock, Delivery, DropReason, guarded, say
from queue_telemetry.logs._answer import Answer, Failure, Sender
from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._retry import RetrySchedule, Verdict
from queue_telemetry.logs.buffer import RecordBuffer
from queue_telemetry.logs.formats import Format

__all__ = ["Shipper"]

_NAME: Final = "queue_telemetry-logs"
_IDLE_S: Final = 60.0  # a wait has an end, even when nothing is there to send
_STOP_GRACE_S: Final = 0.2  # what a shut-down socket needs to end the thread


@dataclass(slots=True, eq=False)
class _Waiter:
    """Somebody in `flush`: until which chunk, until when (monotonic seconds), and how to tell them."""

    number: int
    deadline_s: float
    over: threading.Event = field(default_factory=threading.Event)


class Shipper:
    """Delivers what a buffer holds, oldest first, for as long as it takes.

    What fails goes back to the buffer and is tried again; only the buffer's limit, an answer that it will never be
    taken, or `close` end that. Whoever takes a chunk sends it, so a caller can step in where no thread can be started.
    Not fork-aware: a child makes new objects and lets go of these.

    Args:
        buffer: Where chunks come from.
        sender: Posts them.
        wire_format: Makes their bodies and reads the answers.
        clock: For delays.

    Attributes:
        buffer: Where the sink appends.
    """

    def __init__(self, buffer: RecordBuffer, sender: Sender, wire_format: Format, *, clock: Clock) -> None:
        self.buffer = buffer
        self._sender = sender
        self._format = wire_format
        self._clock = clock
        self._loop = BackgroundLoop(_NAME, self.step)
        self._starting = threading.Lock()  # guards the start of the thread
        self._retry = RetrySchedule()
        self._waiters: list[_Waiter] = []
        self._closed = False
        self._lost = 0
        self._overflowed = 0
        self._batches = 0
        self._retries = 0
        self._bytes_raw = 0
        self._bytes_wire = 0
        self._last_status: int | None = None
        self._last_error: str | None = None

    def start(self) -> bool:
        """Start the thread unless it runs; False when the process can have no more threads, or after `close`."""
        if self._closed or not self._starting.acquire(blocking=False):
            return not self._closed  # another thread, or this one below a signal handler, is at it
        try:
            return self._loop.alive or self._loop.start()
        finally:
            self._starting.release()

    def wake(self) -> None:
        """Have the thread look at the buffer, starting it if need be. For `buffer.on_wake`; must not raise."""
        if self.start():
            self._loop.wake()

    def step(self, within_s: float = math.inf) -> float:
        """Send at most one chunk, within so many seconds, and return the seconds until there may be more to do.

        The thread's body.
        """
        due_s = self.buffer.seal_due()
        wait_s = self._retry.not_before_s - self._clock.monotonic()
        if wait_s > 0:
            self._tell_waiters()
            return min(wait_s, _IDLE_S)
        chunk = self.buffer.take()
        if chunk is None:
            self._tell_waiters()
            return _IDLE_S if due_s is None else due_s
        self._ship(chunk, within_s)
        self._tell_waiters()
        return 0.0

    def flush(self, timeout_s: float) -> bool:
        """Wait until all records appended before this call are delivered or dropped; True when they were in time.

        Cuts a backoff to the wait of a first failure; what the collector asked for stands. Returns early when the
        next attempt would come too late.
        """
        return self._drain(timeout_s, last_chance=False)

    def close(self, timeout_s: float) -> bool:
        """Refuse new records, send the rest, stop; what is left when the time is over is dropped as shutdown.

        Returns:
            True when nothing was left. Always within the time and a fraction of a second.
        """
        if self._closed:
            return self._lost == 0
        deadline_s = self._clock.monotonic() + timeout_s
        self.buffer.refuse()
        done = self._drain(timeout_s, last_chance=True)
        self._closed = True
        if not done:
            self._sender.abort()
        ended = self._loop.stop(max(deadline_s - self._clock.monotonic(), _STOP_GRACE_S))
        self._lost += self.buffer.abandon()
        if ended:  # else the thread may be at the connection still; it ends with the process
            self._sender.close()
        if self._lost:
            with guarded():
                say("logs.shutdown", "%d log records were not delivered before the shutdown", self._lost)
        return self._lost == 0

    def enforce_deadline(self) -> None:
        """End a POST that takes too long. For the owner's ticker, about once a second; must not block."""
        self._sender.enforce_deadline()

    def forget(self) -> None:
        """In a forked child: close its copy of the parent's connection. Takes no lock, says nothing to the collector."""
        self._sender.forget()

    def delivery(self) -> Delivery:
        """Return what became of the records, as of one moment."""
        return self.buffer.read()[0]

    @property
    def failures(self) -> int:
        """Attempts in a row that failed; 0 while all is well."""
        return self._retry.failures

    def stats(self) -> dict[str, object]:
        """Return how delivery goes, ready for JSON: no address and no secret in it."""
        delivery, pending, pending_bytes = self.buffer.read()
        state = "retrying" if self._retry.failures else "ok" if self._batches else "idle"
        return {
            "state": state,
            "accepted": delivery.accepted,
            "delivered": delivery.delivered,
            "dropped": {str(reason): count for reason, count in delivery.dropped.items()},
            "pending": pending,
            "pending_bytes": pending_bytes,
            "batches": self._batches,
            "bytes_raw": self._bytes_raw,
            "bytes_wire": self._bytes_wire,
            "retries": self._retries,
            "last_status": self._last_status,
            "last_error": self._last_error,
        }

    def _drain(self, timeout_s: float, *, last_chance: bool) -> bool:
        waiter = _Waiter(self.buffer.seal(), self._clock.monotonic() + timeout_s)
        if self.buffer.settled(waiter.number):
            return True
        self._retry.hurry(last_chance=last_chance)
        self._waiters.append(waiter)
        try:
            if self.start():
                self._loop.wake()
                waiter.over.wait(timeout_s)
            else:
                self._drain_here(waiter)
        finally:
            self._waiters.remove(waiter)
        return self.buffer.settled(waiter.number)

    def _drain_here(self, waiter: _Waiter) -> None:
        """Do the thread's work on the caller's, where none can be started, as at the interpreter's end."""
        with guarded():
            while not waiter.over.is_set():
                left_s = waiter.deadline_s - self._clock.monotonic()
                if left_s <= 0:
                    return
                waiter.over.wait(min(self.step(left_s), left_s))

    def _tell_waiters(self) -> None:
        not_before_s = self._retry.not_before_s
        for waiter in tuple(self._waiters):
            if self.buffer.settled(waiter.number) or not_before_s > waiter.deadline_s:
                waiter.over.set()

    def _ship(self, chunk: Chunk, within_s: float) -> None:
        answer: Answer | None = None
        try:
            answer = self._sender.send(
                self._format.body(chunk.data), self._format.content_type, within_s=within_s
            )
            verdict = self._format.judge(answer)
        except BaseException:
            self._keep(chunk, answer)  # a defect, or an interrupt of the caller: nothing may be lost by it
            raise
        self._note(answer)
        if verdict is Verdict.DELIVERED:
            self._bytes_raw += len(chunk.data)
            self._batches += 1
            self._retry.succeeded()
            self.buffer.settle(chunk)
        elif verdict is Verdict.REJECTED:
            self._retry.succeeded()
            if self.buffer.settle(chunk, DropReason.REJECTED):
                say(
                    "logs.rejected",
                    "the log collector refused %d records: %s",
                    chunk.records,
                    self._last_error,
                )
        else:
            self._keep(chunk, answer)
            self._say_kept(verdict, answer)
        self._say_overflow()

    def _keep(self, chunk: Chunk, answer: Answer | None) -> None:
        retry_after_s = None if answer is None else answer.retry_after_s
        self._retries += 1
        self._retry.failed(self._clock.monotonic(), retry_after_s)
        self.buffer.give_back(chunk)

    def _note(self, answer: Answer) -> None:
        self._bytes_wire += answer.bytes_wire
        self._last_status = answer.status
        if answer.status is None:
            self._last_error = str(answer.failure)
        elif not 200 <= answer.status < 300:
            self._last_error = f"HTTP {answer.status}"

    def _say_kept(self, verdict: Verdict, answer: Answer) -> None:
        if verdict is Verdict.MISCONFIGURED:
            message = "the log collector answers %s: check its address, token and headers; records are kept"
            say("logs.misconfigured", message, self._last_error, level=logging.ERROR)
        elif answer.failure is not Failure.ABORTED:
            say("logs.retry", "the log collector does not take records now: %s", self._last_error)

    def _say_overflow(self) -> None:
        overflowed = self.delivery().dropped.get(DropReason.OVERFLOW, 0)
        if overflowed > self._overflowed:
            self._overflowed = overflowed
            say("logs.overflow", "%d log records were dropped so far, the buffer being full", overflowed)
