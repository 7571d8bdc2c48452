"""What became of the log records of outputs that are closed, since the process began."""

from collections import deque

from queue_telemetry._runtime import Delivery, DeliveryLedger, DropReason
from queue_telemetry.logs import Losses

__all__ = ["FormerLogs"]


class FormerLogs:
    """The totals of outputs that were replaced, and of losses what nobody was told of yet.

    They belong to the telemetry: between two outputs with a collector there may be some without, or none. Any thread
    may call any method. Not fork-aware: a child makes a new one.
    """

    def __init__(self) -> None:
        self._ledger = DeliveryLedger()
        self._untold: deque[Losses] = deque()

    def add(self, delivery: Delivery, losses: Losses) -> None:
        """Add what became of the records of outputs that are closed, and those of their losses that nobody was told of."""
        self._ledger.accept(delivery.accepted)
        self._ledger.adopt(delivery.adopted)
        self._ledger.deliver(delivery.delivered)
        for reason, records in delivery.dropped.items():
            self._ledger.drop(records, DropReason(reason))
        self._untold.append(losses.with_earlier(self.take_losses()))

    def read(self) -> Delivery:
        """Return the totals."""
        return self._ledger.read()

    def take_losses(self) -> Losses:
        """Return the losses, for somebody who tells of them."""
        losses = Losses({})
        while self._untold:
            losses = self._untold.popleft().with_earlier(losses)
        return losses
