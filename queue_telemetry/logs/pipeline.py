"""Put buffer, format, sender and shipper together from plain values."""

from collections.abc import Mapping

from queue_telemetry._runtime import Clock, DeliveryLedger
from queue_telemetry.logs._endpoint import Endpoint
from queue_telemetry.logs._sender import HttpSender
from queue_telemetry.logs.buffer import RecordBuffer
from queue_telemetry.logs.formats import NdjsonFormat
from queue_telemetry.logs.shipper import Shipper

__all__ = ["LogPipeline"]


class LogPipeline(Shipper):
    """A shipper with its buffer, its format and its sender: all the way to one collector.

    Opens nothing and starts nothing: the first record starts the thread, the thread connects. In a forked child the
    owner makes a new one and lets go of this.

    Args:
        url: The collector's, http or https; user information becomes Basic authorization.
        token: Sent as Bearer authorization; None sends none.
        headers: Further headers.
        batch_bytes: Size of a batch.
        linger_s: How long a record waits for company.
        max_memory_bytes: Limit of all records held.
        clock: Where time comes from.

    Raises:
        ConfigurationError: The HTTP library takes no such URL, or the trusted certificates cannot be read.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None,
        headers: Mapping[str, str],
        batch_bytes: int,
        linger_s: float,
        max_memory_bytes: int,
        clock: Clock,
    ) -> None:
        buffer = RecordBuffer(
            max_memory_bytes, batch_bytes=batch_bytes, linger_s=linger_s, ledger=DeliveryLedger(), clock=clock
        )
        sender = HttpSender(Endpoint.parse(url, token, headers), clock=clock)
        super().__init__(buffer, sender, NdjsonFormat(), clock=clock)
        buffer.on_wake = self.wake
