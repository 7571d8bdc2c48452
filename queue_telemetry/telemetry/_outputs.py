"""Where one process's telemetry goes: the StatsD emitter with its thread, and the log pipeline, built from settings."""

import math
import os
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from queue_telemetry._runtime import BackgroundLoop, Clock, Delivery, DeliveryLedger, DropReason, guarded
from queue_telemetry.logs import RecordBuffer
from queue_telemetry.metrics import Batch
from queue_telemetry.processes import Slot, acquire, private_dir
from queue_telemetry.settings import Settings
from queue_telemetry.statsd import DIALECTS, Emitter, StatsClient
from queue_telemetry.tasks import TaskSeries
from queue_telemetry.telemetry._constants import record_constants
from queue_telemetry.telemetry._former_logs import FormerLogs
from queue_telemetry.telemetry._log_pipeline import log_pipeline
from queue_telemetry.telemetry._windows import Windows

__all__ = ["Outputs", "constant_tags", "host_name"]

_NO_FAULT_OF_THE_SINK: Final = frozenset({DropReason.INVALID, DropReason.CLOSED, DropReason.WITHHELD})
_LOSS_SHOWS_FOR_S: Final = 60.0
_FAILING_FROM: Final = 3  # attempts in a row; one may be a collector's restart
_STATSD_SHARE_S: Final = 0.5  # of a closing time: what a flush over UDP takes in all but the worst case
_WINDOW_SHARE: Final = 0.9  # of the interval between two flushes: the rest is for what comes up meanwhile
_TASK_SHARE_S: Final = 0.05  # of a task's time, when the socket is full
_FIRST_ADDRESS_S: Final = 1.0  # of a process's first task: a child may live for that one alone
_GOODBYE_S: Final = 0.1
"""For the last words, what became of the logs among them, when those took more than their time."""


class Outputs:
    """The outputs of one process. Not fork-aware: a child builds new ones and lets go of these.

    Args:
        settings: What to send where.
        clock: The clocks.
        collect: Brings what the cells hold into `add`; called before each flush.
        owner: Whose they are: its next outputs may use the spool folder before these have let go of it.
        former: What became of the log records of the outputs before.

    Attributes:
        buffer: Where the sink appends records; None without a collector.

    Raises:
        ConfigurationError: A setting turned out to be wrong: the trusted certificates cannot be read, say.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        collect: Callable[[], bool],
        *,
        owner: object,
        former: FormerLogs,
    ) -> None:
        self._clock = clock
        self._collect = collect
        self._interval_s = settings.statsd_flush_interval_s
        self._receiver_was_set = settings.statsd_receiver_was_set
        self._ledger = DeliveryLedger()
        constants = record_constants(constant_tags(settings), host_name())
        self._logs = log_pipeline(settings, clock, constants, owner)
        client = _statsd_client(settings)
        self._slot = _acquire_slot(settings)  # after all that may refuse a setting
        number = os.getpid() if self._slot is None else self._slot.number
        self._windows = Windows(self._interval_s, host_name(), number)
        self._emitter = self._make_emitter(settings, client)
        self._loop = BackgroundLoop("queue_telemetry-statsd", self._step)
        self._task_share_s = _TASK_SHARE_S
        self._is_first_task = True
        self._former = former
        self._lost: dict[str, tuple[int, float]] = {"logs": (_lost_of(former.read()), -math.inf)}
        self.buffer: RecordBuffer | None = None if self._logs is None else self._logs.buffer

    def start(self) -> bool:
        """Start the StatsD thread; False when the process can have no more threads.

        Logs start with a record, but where dead processes may have left some: those are delivered by one that logs
        nothing too.
        """
        if self._logs is not None and self._logs.inherits:
            self._logs.start()  # where that cannot be, the first record tries again
        return self._loop.alive or self._loop.start()

    def add(self, batch: Batch) -> None:
        """Take what a collection brought."""
        self._emitter.add(batch)

    def tick(self) -> None:
        """Once a second: end a POST that is overdue, and notice losses."""
        if self._logs is not None:
            self._logs.enforce_deadline()
        self._notice_losses()

    def flush(self, timeout_s: float) -> bool:
        """Send everything; True when nothing is pending in time."""
        deadline_s = time.monotonic() + timeout_s
        sent = self._emitter.flush(timeout_s)
        if self._logs is not None:
            sent &= self._logs.flush(max(0.0, deadline_s - time.monotonic()))
        return sent

    def flush_task(self, collect_end: Callable[[TaskSeries], bool], series: TaskSeries) -> None:
        """Send what is new since the last sending, at the end of a task and on its thread. Must not raise.

        It takes as long as the kernel takes the datagrams, and at most 50 ms where the socket is full. After a time when
        that was too short, it waits for nothing until all could be sent again, so that a receiver that hangs does not
        slow each task down. What the pace does not let through at once is left to the StatsD thread. In the first task
        of a process it waits for the pace too, and up to a second for the address of the host: a child that was forked
        for this task may have no other.

        Args:
            collect_end: Brings what a run of a series recorded into `add`.
            series: Of the run that ended.
        """
        is_first, self._is_first_task = self._is_first_task, False
        with guarded():
            collected = self._collect() if is_first else collect_end(series)
            sent = collected and self._emitter.flush_news(
                self._task_share_s,
                address_timeout_s=_FIRST_ADDRESS_S if is_first else 0.0,
                waits_for_pace=is_first or not self._loop.alive,
            )
        self._task_share_s = _TASK_SHARE_S if sent else 0.0

    def close(self, timeout_s: float) -> bool:
        """Send what can be sent in time, drop and count the rest, stop the threads, give the slot back."""
        deadline_s = time.monotonic() + timeout_s
        self._loop.stop(0.0)
        sent = True
        if self._logs is not None:
            statsd_share_s = min(_STATSD_SHARE_S, timeout_s / 2)
            self._emitter.flush(statsd_share_s)  # before the logs, which may take all the time there is
            sent = self._logs.close(max(0.0, deadline_s - statsd_share_s - time.monotonic()))
        sent &= self._emitter.close(max(_GOODBYE_S, deadline_s - time.monotonic()))
        if self._slot is not None:
            self._slot.close()
        return sent

    def forget(self) -> None:
        """In a forked child: close its copies of the parent's sockets and slot, in silence."""
        self._emitter.forget()
        if self._logs is not None:
            self._logs.forget()
        if self._slot is not None:
            self._slot.forget()

    def stats(self) -> dict[str, dict[str, object]]:
        """Return what each output sent and lost, by signal."""
        return {"statsd": self._emitter.stats(), "logs": self._log_stats()}

    def bequeath(self) -> None:
        """Leave what became of the log records to the outputs that replaced these; once, and after `close`."""
        if self._logs is not None:
            self._former.add(*self._logs.legacy())

    def tell_of_former(self) -> None:
        """Tell the collector, where there is one, what the outputs before these lost, and take over what they left."""
        if self._logs is not None:
            self._logs.inherit(self._former.take_losses())

    def _log_delivery(self) -> Delivery:
        """Return what became of the records since the process began."""
        former = self._former.read()
        return former if self._logs is None else _sum(self._logs.delivery(), former)

    def _log_stats(self) -> dict[str, object]:
        """Return the present pipeline's with the totals; none when there never was a collector."""
        stats = {} if self._logs is None else self._logs.stats()
        total = self._log_delivery()
        if self._logs is None and total == Delivery():
            return stats
        dropped = {str(reason): count for reason, count in total.dropped.items()}
        return {
            **stats,
            "accepted": total.accepted,
            "adopted": total.adopted,
            "delivered": total.delivered,
            "dropped": dropped,
            "pending": total.pending,
        }

    def failing(self) -> frozenset[str]:
        """Return the outputs that lost data in the last minute, or cannot deliver any now.

        StatsD only when somebody said where it is.
        """
        self._notice_losses()
        now_s = self._clock.monotonic()
        failing = {signal for signal, (_, at_s) in self._lost.items() if now_s - at_s < _LOSS_SHOWS_FOR_S}
        if self._emitter.unresolvable:
            failing.add("statsd")
        if not self._receiver_was_set:
            failing.discard("statsd")
        if self._logs is not None and self._logs.failures >= _FAILING_FROM:
            failing.add("logs")
        return frozenset(failing)

    def _step(self) -> float:
        self._collect()
        self._emitter.flush(self._interval_s, share=_WINDOW_SHARE)
        return self._windows.wait_s(self._clock.time())

    def _make_emitter(self, settings: Settings, client: StatsClient) -> Emitter:
        signals = {"metrics": self._ledger.read}
        if self._logs is not None:
            signals["logs"] = self._logs.delivery
        return Emitter(
            client,
            ledger=self._ledger,
            signals=signals,
            timer_type=settings.statsd_timer_type,
            max_samples=settings.statsd_max_samples,
            host=host_name(),
            slot=None if self._slot is None else self._slot.number,
        )

    def _notice_losses(self) -> None:
        for signal, delivery in (("statsd", self._ledger.read()), ("logs", self._log_delivery())):
            lost = _lost_of(delivery)
            before, _ = self._lost.get(signal, (0, 0.0))
            if lost > before:
                self._lost[signal] = (lost, self._clock.monotonic())


def _lost_of(delivery: Delivery) -> int:
    return sum([units for reason, units in delivery.dropped.items() if reason not in _NO_FAULT_OF_THE_SINK])


def _sum(one: Delivery, other: Delivery) -> Delivery:
    dropped = dict(Counter(one.dropped) + Counter(other.dropped))
    return Delivery(
        one.accepted + other.accepted,
        one.adopted + other.adopted,
        one.delivered + other.delivered,
        dropped,
        one.pending + other.pending,
    )


def host_name() -> str:
    """Return this host's name as gauges and records bear it."""
    return socket.gethostname() or "localhost"


def constant_tags(settings: Settings) -> dict[str, str]:
    """Return the tags of every metric and record. Settings of their own win over `TAGS`."""
    named = {"service": settings.service, "env": settings.env, "version": settings.version}
    own = {key: value for key, value in named.items() if value is not None}
    return own | settings.tags | own


def _acquire_slot(settings: Settings) -> Slot | None:
    folder = private_dir(settings.state_dir)
    return None if folder is None else acquire(folder)


def _statsd_client(settings: Settings) -> StatsClient:
    return StatsClient(
        settings.statsd_host,
        settings.statsd_port,
        settings.statsd_prefix,
        settings.statsd_max_payload_bytes,
        socket_path=settings.statsd_socket,
        dialect=DIALECTS[settings.statsd_dialect],
        constant_tags=constant_tags(settings),
        entity_id=settings.statsd_entity_id,
        external_env=settings.statsd_external_env,
    )
