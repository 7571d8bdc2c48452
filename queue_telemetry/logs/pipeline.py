"""Put buffer, format, sender and shipper together from plain values."""

from collections.abc import Mapping

from queue_telemetry._runtime import SYSTEM_CLOCK, Clock, Delivery, DeliveryLedger
from queue_telemetry.logs._endpoint import Endpoint
from queue_telemetry.logs._sender import HttpSender
from queue_telemetry.logs.buffer import RecordBuffer
from queue_telemetry.logs.formats import NdjsonFormat
from queue_telemetry.logs.shipper import Shipper

__all__ = ["LogPipeline"]


class LogPipeline:
    """One destination's pipeline, from the buffer to the collector.

    Opens nothing and starts nothing: the first record starts the thread, the thread connects. In a forked child the
    owner makes a new one and lets go of this.

    Args:
        url: The collector's, http or https; user information becomes Basic authorization.
        token: Sent as Bearer authorization.
        headers: Further headers.
        batch_bytes: Size of a batch.
        linger_s: How long a record waits for company.
        max_memory_bytes: Limit of all records held.
        clock: Where time comes from.

    Attributes:
        buffer: Where the sink appends.
        shipper: What delivers.

    Raises:
        ConfigurationError: One of the values is wrong.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        batch_bytes: int = 1024 * 1024,
        linger_s: float = 1.0,
        max_memory_bytes: int = 32 * 1024 * 1024,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        endpoint = Endpoint.parse(url, token, headers)
        self.buffer = RecordBuffer(
            max_memory_bytes, batch_bytes=batch_bytes, linger_s=linger_s, ledger=DeliveryLedger(), clock=clock
        )
        self.shipper = Shipper(self.buffer, HttpSender(endpoint, clock=clock), NdjsonFormat(), clock=clock)
        self.buffer.on_wake = self.shipper.wake

    def delivery(self) -> Delivery:
        """Return what became of the records, as of one moment."""
        return self.buffer.read()[0]

    def flush(self, timeout_s: float) -> bool:
        """See `Shipper.flush`."""
        return self.shipper.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """See `Shipper.close`."""
        return self.shipper.close(timeout_s)

    def enforce_deadline(self) -> None:
        """See `Shipper.enforce_deadline`."""
        self.shipper.enforce_deadline()

    def forget(self) -> None:
        """See `Shipper.forget`."""
        self.shipper.forget()

    def stats(self) -> dict[str, object]:
        """See `Shipper.stats`."""
        return self.shipper.stats()
