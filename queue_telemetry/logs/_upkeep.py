"""What the shipper does between requests: spill, adopt, keep to the disk's limit, and tell of losses."""

import math
from typing import Final

from queue_telemetry._runtime import Clock, say
from queue_telemetry.logs._losses import Losses
from queue_telemetry.logs._storage import LossRecord
from queue_telemetry.logs.buffer import RecordBuffer
from queue_telemetry.logs.spool import Spool

__all__ = ["Upkeep"]

_ADOPT_EVERY_S: Final = 60.0
_LIMIT_EVERY_S: Final = 60.0
_MOST_ADOPTED: Final = 4_096  # chunks, of some hundred bytes of memory each
_TELL_EVERY_S: Final = 60.0  # a record a minute of a loss that goes on


class Upkeep:
    """Looks after a buffer and its spool. Called by whoever may send, so by one thread at a time.

    Args:
        buffer: The buffer.
        clock: For what is due.
        spool: Its spool; None without one.
        make_loss_record: Makes the line that tells of losses; None tells nobody.

    Attributes:
        inherited: Losses of a pipeline before, to be told of with the next.
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
        self.inherited = Losses({})

    @property
    def due_s(self) -> float:
        """Seconds until there may be something to adopt, when nothing waits."""
        if self._spool is None or self._failing or self._buffer.refusing:
            return math.inf
        return max(self._adopt_at_s - self._clock.monotonic(), 0.0)

    def look_after(self, *, failing: bool) -> None:
        """Do what is due: while the destination fails, write what waits; else adopt, and tell of losses."""
        self._failing = failing
        if not failing:
            self.tell_losses()
        if self._spool is None:
            return
        if not self._looked_elsewhere:
            self._look_elsewhere(self._spool)
        if failing:
            while self._buffer.store_next():
                pass
        else:
            self._buffer.relieve()
            self._adopt(self._spool)
        self._keep_to_limit(self._spool)
        self._spool.speak()

    def tell_losses(self, *, at_once: bool = False) -> None:
        """Append a record on what was lost since the last one, at most each minute or at once."""
        now_s = self._clock.monotonic()
        early = now_s < self._tell_at_s and not at_once
        if self._make_loss_record is None or early or self._buffer.refusing:
            return
        losses = self._buffer.take_losses().with_earlier(self.inherited)
        self.inherited = Losses({})
        if losses.dropped:
            self._tell_at_s = now_s + _TELL_EVERY_S
            self._buffer.append(
                self._make_loss_record(losses.dropped, losses.from_s, losses.to_s), severe=True
            )

    def _adopt(self, spool: Spool) -> None:
        """Take over one segment at a time of those that dead processes left, behind what waits."""
        now_s = self._clock.monotonic()
        if now_s < self._adopt_at_s or self._buffer.refusing or self._buffer.adopted_chunks:
            return
        if not self._take_over(spool):
            self._adopt_at_s = now_s + _ADOPT_EVERY_S

    def _keep_to_limit(self, spool: Spool) -> None:
        """Count against the limit what the dead left, whether it can be sent or not: a crash loop must not fill the disk.

        What is too much is taken over, so that it is in the accounts, and the oldest of it dropped.
        """
        now_s = self._clock.monotonic()
        if now_s < self._limit_at_s:
            return
        self._limit_at_s = now_s + _LIMIT_EVERY_S
        while not self._buffer.refusing and (excess_bytes := spool.excess_bytes()) > 0:
            if self._buffer.adopted_chunks < _MOST_ADOPTED and self._take_over(spool):
                continue
            enough_bytes = spool.used_bytes - excess_bytes
            if not self._buffer.drop_adopted():
                return
            while spool.used_bytes > enough_bytes and self._buffer.drop_adopted():
                pass

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
