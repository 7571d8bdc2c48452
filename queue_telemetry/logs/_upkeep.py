"""What is done beside the requests: spill, tidy, adopt, keep to the disk's limit, and tell of losses."""

import math
from collections import deque
from contextlib import suppress
from typing import Final

from queue_telemetry._runtime import Clock, say
from queue_telemetry.logs._losses import Losses
from queue_telemetry.logs._storage import LossRecord
from queue_telemetry.logs.buffer import RecordBuffer
from queue_telemetry.logs.spool import Spool

__all__ = ["Upkeep"]

_ADOPT_EVERY_S: Final = 60.0
_LIMIT_EVERY_S: Final = 60.0
_TELL_EVERY_S: Final = 60.0  # a record a minute of a loss that goes on


class Upkeep:
    """Looks after a buffer and its spool. For one thread at a time: the disk may hang with it.

    Args:
        buffer: The buffer.
        clock: For what is due.
        spool: Its spool; None without one.
        make_loss_record: Makes the line that tells of losses; None tells nobody.
    """

    def __init__(
        self, buffer: RecordBuffer, clock: Clock, spool: Spool | None, make_loss_record: LossRecord | None
    ) -> None:
        self._buffer = buffer
        self._clock = clock
        self._spool = spool
        self._make_loss_record = make_loss_record
        self._adopt_at_s = -math.inf
        self._limit_at_s = -math.inf
        self._looked_elsewhere = False
        self._failing = False
        self._damaged = 0  # records that are in the accounts, though nothing was left of them to adopt
        self._tell_at_s = -math.inf
        self._inherited: deque[Losses] = deque()  # of pipelines before, to be told of with the next

    @property
    def due_s(self) -> float:
        """Seconds until there may be something to do that nobody wakes for."""
        if self._spool is None or self._buffer.refusing:
            return math.inf
        # what comes behind something adopted is looked for when that was sent
        is_waited_for = self._failing or self._buffer.adopted_chunks
        at_s = self._limit_at_s if is_waited_for else min(self._adopt_at_s, self._limit_at_s)
        return max(at_s - self._clock.monotonic(), 0.0)

    def look_after(self, *, failing: bool) -> bool:
        """Do what is due: while the destination fails, write what waits; else adopt, and tell of losses.

        Returns:
            Whether there is something more to send.
        """
        self._failing = failing
        if not failing:
            self.tell_losses()
        spool = self._spool
        if spool is None:
            return False
        if not self._looked_elsewhere:
            self._look_elsewhere(spool)
        while failing and self._buffer.store_next():
            pass
        self._buffer.relieve()
        spool.tidy()
        adopted = not failing and self._adopt(spool)
        self._keep_to_limit(spool)
        spool.speak()
        return adopted

    def tell_losses(self, *, at_once: bool = False) -> None:
        """Append a record on what was lost since the last one, at most each minute or at once."""
        now_s = self._clock.monotonic()
        early = now_s < self._tell_at_s and not at_once
        if self._make_loss_record is None or early or self._buffer.refusing:
            return
        losses = self.take_losses()
        if losses.dropped:
            self._tell_at_s = now_s + _TELL_EVERY_S
            line = self._make_loss_record(losses.dropped, losses.from_s, losses.to_s)
            # where lines are written ahead this one is not: who closes must not wait for the disk
            RecordBuffer.append(self._buffer, line, severe=True)

    def inherit(self, losses: Losses) -> None:
        """Tell of losses of a pipeline before, and look soon for what it left on disk."""
        self._inherited.append(losses)
        self._adopt_at_s = -math.inf

    def take_losses(self) -> Losses:
        """Return the losses that nobody was told of, for somebody who tells of them."""
        losses = self._buffer.take_losses()
        with suppress(IndexError):  # another thread may be at it
            while self._inherited:
                losses = losses.with_earlier(self._inherited.popleft())
        return losses

    def _adopt(self, spool: Spool) -> bool:
        """Take over one segment at a time of those that dead processes left, behind what waits."""
        now_s = self._clock.monotonic()
        if now_s < self._adopt_at_s or self._buffer.refusing or self._buffer.adopted_chunks:
            return False
        adopted = self._take_over(spool)
        if not adopted:
            self._adopt_at_s = now_s + _ADOPT_EVERY_S
        return adopted

    def _keep_to_limit(self, spool: Spool) -> None:
        """Count against the limit what the dead left, whether it can be sent or not: a crash loop must not fill the disk.

        Of what is too much the oldest segment is taken over, so that it is in the accounts, and dropped; then the next.
        """
        now_s = self._clock.monotonic()
        if now_s < self._limit_at_s:
            return
        self._limit_at_s = now_s + _LIMIT_EVERY_S
        excess_bytes = spool.excess_bytes()
        while excess_bytes > 0 and not self._buffer.refusing:
            used_bytes = spool.used_bytes
            if self._buffer.drop_adopted():
                excess_bytes -= used_bytes - spool.used_bytes
            elif not self._take_over(spool):
                return
            elif not self._buffer.adopted_chunks:  # nothing in it was whole, and it is gone
                excess_bytes = spool.excess_bytes()
        spool.tidy()

    def _take_over(self, spool: Spool) -> bool:
        batch_bytes, max_records = self._buffer.batch_limits
        places = spool.adopt(batch_bytes=batch_bytes, max_records=max_records)
        _, damaged = spool.damaged
        if places is not None or damaged > self._damaged:
            self._buffer.adopt(places or [], damaged - self._damaged)
            self._damaged = damaged
        return places is not None

    def _look_elsewhere(self, spool: Spool) -> None:
        """Say once that records wait for a destination that is no longer the one."""
        self._looked_elsewhere = True
        left_bytes = spool.elsewhere_bytes()
        if left_bytes:
            message = "the spool holds %d bytes of log records for another LOG_URL or LOG_FORMAT, which nobody sends"
            say("logs.elsewhere", message, left_bytes)
