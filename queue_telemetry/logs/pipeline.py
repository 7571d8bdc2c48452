"""Put buffer, format, sender, spool and shipper together from plain values."""

import math
from collections.abc import Callable

from queue_telemetry._runtime import Clock
from queue_telemetry.logs._courier import Courier
from queue_telemetry.logs._endpoint import Endpoint
from queue_telemetry.logs._sender import HttpSender
from queue_telemetry.logs._storage import Limits, LossRecord, Storage
from queue_telemetry.logs._write_ahead import WriteAheadBuffer
from queue_telemetry.logs.buffer import RecordBuffer
from queue_telemetry.logs.formats import Format
from queue_telemetry.logs.shipper import Shipper
from queue_telemetry.logs.spool import DeadLetters, Spool

__all__ = ["LogPipeline"]


class LogPipeline(Shipper):
    """A shipper with its buffer, its format, its spool and its sender: all the way to one collector.

    Opens nothing and starts nothing: the first record starts the thread, the thread connects. In a forked child the
    owner makes a new one and lets go of this.

    Args:
        endpoint: The collector's address, with all that each request to it bears.
        wire_format: The collector's format, the one that the endpoint was made with.
        limits: How much is gathered and held; the format's own limits hold too.
        clock: Where time comes from.
        storage: What is kept on disk; None for nothing.
        make_loss_record: Makes the record that tells of losses, once they are over; None for no such record.

    Raises:
        ConfigurationError: The HTTP library takes no such URL, the trusted certificates cannot be read, or the folder
            cannot be used.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        wire_format: Format,
        *,
        limits: Limits,
        clock: Clock,
        storage: Storage | None = None,
        make_loss_record: LossRecord | None = None,
    ) -> None:
        sender = HttpSender(endpoint, clock=clock)
        spool = _spool(endpoint, storage, clock)
        batch_bytes = min(limits.batch_bytes, wire_format.max_batch_bytes)
        make_buffer: Callable[..., RecordBuffer] = RecordBuffer
        if spool is not None and storage is not None and storage.durability == "wal":
            make_buffer = WriteAheadBuffer
        buffer = make_buffer(
            limits.max_memory_bytes,
            batch_bytes=batch_bytes,
            max_records=wire_format.max_records,
            linger_s=limits.linger_s,
            max_age_s=min(
                wire_format.max_age_s, math.inf if spool is None or storage is None else storage.max_age_s
            ),
            clock=clock,
            spool=spool,
        )
        courier = Courier(
            buffer,
            sender,
            wire_format,
            batch_bytes=batch_bytes,
            dead_letters=None if storage is None else DeadLetters(storage.folder),
            clock=clock,
        )
        super().__init__(buffer, courier, clock=clock, spool=spool, make_loss_record=make_loss_record)
        buffer.on_wake = self.wake


def _spool(endpoint: Endpoint, storage: Storage | None, clock: Clock) -> Spool | None:
    if storage is None or storage.durability == "memory":
        return None
    return Spool(
        storage.folder, endpoint.destination, max_bytes=storage.max_bytes, clock=clock, owner=storage.owner
    )
