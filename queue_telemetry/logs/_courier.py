"""Carry one chunk to the collector and act on the verdict: settle it, keep it, split it, search it, give it up."""

import logging
from collections.abc import Mapping
from typing import Final

from queue_telemetry._runtime import Clock, DropReason, say
from queue_telemetry.logs._answer import Answer, Failure, Sender
from queue_telemetry.logs._bisection import Bisection, Course
from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._circuit import Circuit
from queue_telemetry.logs._encoder import MAX_RECORD_BYTES
from queue_telemetry.logs._refused_records import RefusedRecords
from queue_telemetry.logs._retry import RetrySchedule
from queue_telemetry.logs._size_limit import SizeLimit
from queue_telemetry.logs._split import halves_by_bytes, halves_by_records, lines_of, pick
from queue_telemetry.logs._verdict import Action, Rejection, Verdict, read_status
from queue_telemetry.logs.buffer import RecordBuffer
from queue_telemetry.logs.formats import Format
from queue_telemetry.logs.spool import DeadLetters

__all__ = ["Courier"]

_TOO_LARGE: Final = 413
_BREATH_S: Final = 1.0  # until a search that took many requests goes on, when nothing else is to be sent


class Courier:
    """Sends chunks to one destination and remembers how it took them.

    Whoever has the chunk in flight calls it, so one thread at a time.

    Args:
        buffer: Where chunks are settled.
        sender: Posts them.
        wire_format: Makes their bodies and reads the answers; may be the user's own.
        batch_bytes: The size of a whole batch.
        dead_letters: Takes what will never be taken; None for nothing, so that it is only counted.
        clock: For delays.

    Attributes:
        sender: The same.
        schedule: When the next attempt may start.
        circuit: Whether the destination is trusted with whole batches.
        sent: Counts of batches and bytes, and of attempts that have to be repeated.
        last_status: The last answer's; None when there was none.
        last_error: What is wrong, without a secret or a payload; None once a batch was taken whole.
    """

    def __init__(
        self,
        buffer: RecordBuffer,
        sender: Sender,
        wire_format: Format,
        *,
        batch_bytes: int,
        dead_letters: DeadLetters | None,
        clock: Clock,
    ) -> None:
        self.sender = sender
        self.schedule = RetrySchedule()
        self.circuit = Circuit(batch_bytes)
        self.sent = {"batches": 0, "bytes_raw": 0, "bytes_wire": 0, "retries": 0}
        self.last_status: int | None = None
        self.last_error: str | None = None
        self._buffer = buffer
        self._format = wire_format
        self._refused_records = RefusedRecords(dead_letters, clock)
        self._clock = clock
        self._batch_bytes = batch_bytes
        self._limit = SizeLimit(batch_bytes)
        self._bisection = Bisection()

    @property
    def allowance_bytes(self) -> int:
        """Bytes of lines that the next request may hold; a single longer line goes alone.

        So does any while a setting seems to be wrong: of several, one that is bad would have all of them refused.
        """
        if self.schedule.probes:
            return 1
        limits = (self.circuit.allowance_bytes, self._limit.cap_bytes)
        return min((limit for limit in limits if limit is not None), default=self._batch_bytes)

    def carry(self, chunk: Chunk, within_s: float, *, hurried: bool = False) -> None:
        """Send a chunk once, within so many seconds, and act on the verdict.

        Args:
            chunk: In flight; afterwards settled or given back.
            within_s: How long that may take.
            hurried: Whether somebody waits, so that a recovering destination is given no pauses.
        """
        answer: Answer | None = None
        try:
            if self._bisection.is_certain(chunk):
                self._halve(chunk, unsent=True)
                return
            if self._format.max_record_bytes < MAX_RECORD_BYTES and self._sort_out(chunk):
                return
            body = self._body(chunk)
            if body is None:
                return
            answer, verdict = self._post(chunk, body, within_s)
            if self._buffer.carries(chunk):  # else it was abandoned meanwhile, and is counted
                self._act(chunk, verdict, answer, hurried=hurried)
        except BaseException:
            self._keep(chunk, answer)  # a defect, or an interrupt of the caller: nothing may be lost by it
            raise

    def _act(self, chunk: Chunk, verdict: Verdict, answer: Answer, *, hurried: bool) -> None:
        match verdict.action:
            case Action.DECIDED:
                self._decided(chunk, verdict, answer, hurried=hurried)
            case Action.SPLIT:
                self._too_large(chunk, verdict)
            case Action.BISECT:
                self._refused(chunk, verdict, answer)
            case Action.PARK:
                self._park(chunk, answer)
            case Action.RETRY:
                self._keep(chunk, answer)
                if answer.failure is not Failure.ABORTED:
                    say("logs.retry", "the log collector does not take records now: %s", self.last_error)

    def _sort_out(self, chunk: Chunk) -> bool:
        """Give up the records that are longer than the format takes; True when there were some."""
        lines = lines_of(chunk.data)
        fitting = [index for index, line in enumerate(lines) if len(line) <= self._format.max_record_bytes]
        if len(fitting) == len(lines):
            return False
        too_long = Rejection(0, 0, f"longer than {self._format.max_record_bytes} bytes")
        self._refused_records.take(
            (line, too_long) for line in lines if len(line) > self._format.max_record_bytes
        )
        self._bisection.release(chunk)
        parts = [pick(chunk, lines, fitting)] if fitting else []
        records = len(lines) - len(fitting)
        if self._buffer.settle(chunk, {DropReason.OVERSIZE: records}, parts):
            say("logs.oversize", "%d log records are longer than the log format takes", records)
        return True

    def _body(self, chunk: Chunk) -> bytes | bytearray | None:
        """Return the body; None when the format makes none, and the records at fault are searched for and given up.

        That needs no request, and no other record shows that it is the destination.
        """
        try:
            return self._format.body(chunk.data)
        except Exception as error:  # noqa: BLE001 - the edge to a user's format
            self.last_error = type(error).__name__
        say("logs.format", "the log format failed with %s", self.last_error, level=logging.ERROR)
        self._bisection.release(chunk)
        if chunk.records > 1:
            self._buffer.settle(chunk, again=halves_by_records(chunk))
        else:
            self._bury(chunk, None, f"no body: {self.last_error}", DropReason.REJECTED)
        return None

    def _post(self, chunk: Chunk, body: bytes | bytearray, within_s: float) -> tuple[Answer, Verdict]:
        self.schedule.started()
        answer = self.sender.send(body, within_s=within_s)
        self._note(answer)
        try:
            return answer, self._format.read(answer, chunk.records)
        except Exception as error:  # noqa: BLE001 - the edge to a user's format
            say("logs.format", "the log format failed with %s", type(error).__name__, level=logging.ERROR)
            return answer, read_status(answer)

    def _note(self, answer: Answer) -> None:
        self.sent["bytes_wire"] += answer.bytes_wire
        self.last_status = answer.status
        if answer.status is None:
            self.last_error = str(answer.failure)
        elif not 200 <= answer.status < 300:
            self.last_error = f"HTTP {answer.status}"

    def _decided(self, chunk: Chunk, verdict: Verdict, answer: Answer, *, hurried: bool) -> None:
        places = range(chunk.records)
        refused = {rejection.index: rejection for rejection in verdict.rejected if rejection.index in places}
        again = sorted({index for index in verdict.again if index in places and index not in refused})
        if len(again) == chunk.records:  # it took none of them now
            self._keep(chunk, answer)
            return
        unnamed = min(max(verdict.unnamed, 0), chunk.records - len(refused) - len(again))
        if not self._bisection.has_taken and len(refused) + unnamed == chunk.records:
            self.last_error = f"HTTP {answer.status}, no record taken"
            self._refused(chunk, verdict, answer)
            return
        self._bisection.taken(chunk)
        if refused or unnamed:
            self.last_error = f"HTTP {answer.status}, {len(refused) + unnamed} records refused"
        elif not again:
            self.last_error = None
        parts = []
        dropped: dict[DropReason, int] = {}
        if refused or again:
            lines = lines_of(chunk.data)
            dropped = self._refused_records.take((lines[index], refused[index]) for index in sorted(refused))
            parts = [pick(chunk, lines, again)] if again else []
        for part in parts:
            part.suspect = None
        noted = False
        if unnamed:
            noted = self._refused_records.note(unnamed, Rejection(0, answer.status or 0, verdict.excerpt))
            dropped[DropReason.REJECTED] = dropped.get(DropReason.REJECTED, 0) + unnamed
        now_s = self._clock.monotonic()
        self.sent["batches"] += 1
        self.sent["bytes_raw"] += chunk.size_bytes
        self._limit.taken(chunk.size_bytes)
        pause_s = self.circuit.succeeded()
        self.schedule.succeeded(now_s, 0.0 if hurried else pause_s)
        if again:
            self.sent["retries"] += 1
            self.schedule.failed(now_s, answer.retry_after_s)
            self.circuit.failed(self.schedule.failures)
        if self._buffer.settle(chunk, dropped, parts) and dropped:
            self._say_given_up(dropped, noted=noted)

    def _too_large(self, chunk: Chunk, verdict: Verdict) -> None:
        self.schedule.succeeded(self._clock.monotonic())
        self._limit.refused(chunk.size_bytes, alone=chunk.records == 1)
        self._bisection.release(chunk)
        if chunk.records == 1:
            self._bury(chunk, _TOO_LARGE, verdict.excerpt, DropReason.OVERSIZE)
        else:
            self._buffer.settle(chunk, again=halves_by_bytes(chunk))

    def _refused(self, chunk: Chunk, verdict: Verdict, answer: Answer) -> None:
        others = self._buffer.has_sealed
        course = self._bisection.refused(chunk, others=others)
        if course is Course.PARK:
            self._park(chunk, answer, last=True)  # so that others show whether it is the records after all
            return
        self.schedule.succeeded(
            self._clock.monotonic(), _BREATH_S if course is Course.LATER and not others else 0.0
        )
        match course:
            case Course.HALVE:
                self._halve(chunk)
            case Course.LATER:
                self.sent["retries"] += 1
                self._buffer.give_back(chunk, last=True)
            case Course.GIVE_UP:
                self._bury(chunk, answer.status, verdict.excerpt, DropReason.REJECTED)

    def _halve(self, chunk: Chunk, *, unsent: bool = False) -> None:
        halves = halves_by_records(chunk)
        self._bisection.suspect(chunk, halves, unsent=unsent)
        self._buffer.settle(chunk, again=halves)

    def _park(self, chunk: Chunk, answer: Answer, *, last: bool = False) -> None:
        self._bisection.release(chunk)
        self.sent["retries"] += 1
        self.schedule.parked(self._clock.monotonic(), answer.retry_after_s)
        self.circuit.open()
        self._buffer.give_back(chunk, last=last)
        message = "the log collector answers %s: check its address, token and headers; records are kept"
        if answer.failure is Failure.TLS:
            message = "no log collector that is trusted: check the certificates (%s); records are kept"
        elif answer.failure is Failure.PROXY:
            message = "the way to the log collector is refused (%s): check LOG_PROXY; records are kept"
        say("logs.misconfigured", message, self.last_error, level=logging.ERROR)

    def _keep(self, chunk: Chunk, answer: Answer | None) -> None:
        self.sent["retries"] += 1
        self.schedule.failed(self._clock.monotonic(), None if answer is None else answer.retry_after_s)
        self.circuit.failed(self.schedule.failures)
        self._buffer.give_back(chunk)

    def _bury(self, chunk: Chunk, status: int | None, excerpt: str, reason: DropReason) -> None:
        lines = lines_of(chunk.data)
        rejection = Rejection(0, status or 0, excerpt)
        dropped = self._refused_records.take((line, rejection) for line in lines)
        if reason is DropReason.OVERSIZE:
            dropped = {reason: chunk.records}
        if self._buffer.settle(chunk, dropped):
            self._say_given_up(dropped)

    def _say_given_up(self, dropped: Mapping[DropReason, int], *, noted: bool = False) -> None:
        where = " (see the dead letters)" if noted or DropReason.DEAD_LETTERED in dropped else ""
        records = sum(dropped.values())
        say("logs.rejected", "%d log records were given up%s: %s", records, where, self.last_error)
