"""The life of one telemetry in one process: it wakes at the process's first event, ticks, and shuts down."""

import logging
import os
from functools import partial
from typing import Final

from queue_telemetry._runtime import (
    BackgroundLoop,
    Clock,
    DropReason,
    Gate,
    OwnedLock,
    full_jitter_s,
    guarded,
    say,
)
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.healthcheck.present import Present
from queue_telemetry.metrics import Batch, Registry, Snapshot, Stats
from queue_telemetry.settings import Settings
from queue_telemetry.tasks import Tracker
from queue_telemetry.telemetry._collection import Collection
from queue_telemetry.telemetry._destination import Destination
from queue_telemetry.telemetry._doors import Doors
from queue_telemetry.telemetry._exit import close_at_exit
from queue_telemetry.telemetry._facts import facts_of
from queue_telemetry.telemetry._former_logs import FormerLogs
from queue_telemetry.telemetry._judge import thresholds_of
from queue_telemetry.telemetry._lenient import build_leniently, read_leniently
from queue_telemetry.telemetry._outputs import Outputs, host_name
from queue_telemetry.telemetry._processes import Processes
from queue_telemetry.telemetry._sink import SinkKeeper
from queue_telemetry.telemetry._vigil import Vigil

__all__ = ["LOCK_WAIT_S", "LONGEST_S", "ProcessLife"]

LOCK_WAIT_S: Final = 1.0
"""What is done under the lock of the start takes milliseconds."""

LONGEST_S: Final = 86_400.0
"""A wait without end is asked for with infinity, which locks refuse."""

_TICK_S: Final = 1.0
_RESTART_BASE_S: Final = 1.0
_RESTART_CAP_S: Final = 10.0  # telemetry is sent in place this often where no thread can be had


class ProcessLife:
    """What begins, goes on and ends with a process, of a telemetry that is composed by the class below this one.

    Attributes:
        redirected: Whether a test has its data elsewhere now: `configure()` then only checks, `close()` only collects.
    """

    redirected: bool
    _clock: Clock
    _gate: Gate
    _registry: Registry
    _tracker: Tracker
    _settings: Settings | None
    _is_default: bool
    _collection: Collection
    _sink: SinkKeeper
    _vigil: Vigil
    _doors: Doors
    _configuration_invalid: bool
    _draining: bool
    _closed: bool
    _closed_well: bool

    @property
    def _outputs(self) -> Destination | None:
        return self._collection.destination

    @property
    def _stats(self) -> Stats:
        return self._collection.stats

    def _begin_process(self) -> None:
        """Make what belongs to one process."""
        self._waking = OwnedLock()  # one thread wakes the process
        self._closing = OwnedLock()  # one thread closes; others wait for what it achieves
        self._ticker: BackgroundLoop | None = None
        self._processes = Processes(self._collection, self._clock, self._present)
        self._former_logs = FormerLogs()
        self._start_failures = 0
        self._start_again_at_s = float("-inf")

    def close(self, timeout_s: float = 5.0) -> bool:
        """Send everything, stop the threads, drop and count the rest; True when all was sent in time.

        Idempotent; runs by itself at exit. Later events count as dropped, until `configure()`.
        """
        if self.redirected:
            return self._collect()
        timeout_s = min(max(timeout_s, 0.0), LONGEST_S)
        with self._closing.held(timeout_s) as held:
            if not held:  # another thread takes longer than that, or this very thread is at it
                return False
            if not self._closed:
                self._closed = True
                self._closed_well = self._shut_down(timeout_s)
            return self._closed_well

    def _present(self) -> Present:
        """Return the present of this process."""
        settings = self._settings or Settings.model_construct()
        return Present(
            facts_of(
                settings,
                self._tracker,
                self._collection,
                self._vigil,
                (self._sink, self._doors),
                draining=self._draining,
                configuration_invalid=self._configuration_invalid,
            ),
            thresholds_of(settings),
            ticking=self._ticker is not None and self._ticker.alive,
            settled=self._vigil.settled,
        )

    def _hear(self) -> Present:
        present = self._present()
        return present if self.redirected else self._processes.hear(present)

    def _wake(self) -> bool:
        """Start what this process needs at its first event; tell whether events are recorded."""
        if self._is_off():
            return False
        # Nobody waits for a thread that starts again, since the cells keep the event. At the first start they do: the
        # sink is not there yet for what they log, and a forked child's cells are emptied of the parent's.
        first = self._collection.inherited or self._outputs is None
        with self._waking.held(LOCK_WAIT_S if first else 0.0) as held:
            if not held:
                return True
            try:
                return not self._gate.asleep or (not self._is_off() and self._start())
            except Exception as error:  # noqa: BLE001 - an event of the application must not end in our start
                message = "telemetry could not start: %s: %s"
                say("wake", message, type(error).__name__, error, level=logging.ERROR)
                self._configuration_invalid |= isinstance(error, ConfigurationError)
                return self._start_later()

    def _wake_for_record(self) -> bool:
        """The same for a log record: one that comes after `close()` is the buffer's to count."""
        return self._closed or self._wake()

    def _start(self) -> bool:
        if self._clock.monotonic() < self._start_again_at_s:
            return True
        if self._settings is None:
            self._settings, right = read_leniently()
            self._configuration_invalid |= not right
        if not self._settings.enabled:
            return False
        close_at_exit(self)
        self._collection.forget_inherited()
        destination = self._outputs
        if destination is None:
            self._settings, destination, right = build_leniently(self._settings, self._build)
            self._configuration_invalid |= not right
            self._adopt(self._settings, destination)
        if self._ticker is None:
            self._ticker = BackgroundLoop("queue_telemetry-ticker", self._tick)
        if destination.start() and (self._ticker.alive or self._ticker.start()):
            self._start_failures = 0
            self._doors.open(self._settings)
            self._vigil.start()
            self._gate.watching = not self._tracker.needs_runs
            self._gate.quiet = self._gate.watching and not self._tracker.watch.is_on
            self._gate.asleep = False
            return True
        say("threads", "this process can have no more threads; telemetry sends in place and tries again")
        self._collect()
        with guarded():
            destination.flush(0.0)
        return self._start_later()

    def _build(self, settings: Settings) -> Outputs:
        return Outputs(settings, self._clock, self._collect, owner=self, former=self._former_logs)

    def _start_later(self) -> bool:
        self._start_failures += 1
        delay_s = full_jitter_s(self._start_failures, base_s=_RESTART_BASE_S, cap_s=_RESTART_CAP_S)
        self._start_again_at_s = self._clock.monotonic() + delay_s
        return True

    def _adopt(self, settings: Settings, outputs: Outputs | None) -> Destination | None:
        """Have everything from now on go to new outputs; return the old ones, not yet closed."""
        if outputs is not None:
            self._registry.max_series = settings.max_series
            self._tracker.adopt(
                settings.task_logs, settings.task_logs_per_error, settings.slow_task_s, settings.stuck_task_s
            )
            flush_task = self._processes.after_task(partial(outputs.flush_task, self._collection.collect_end))
            self._tracker.on_end = flush_task if settings.flush_each_task else None
            self._tracker.workers.default_id = settings.worker_id or f"{host_name()}:{os.getpid()}"
        self._sink.send_to(settings, None if outputs is None else outputs.buffer)
        before = self._collection.replace(outputs)  # late: who sees a destination relies on the sink
        self._processes.enter(None if outputs is None else outputs.slot, settings.service)
        self._vigil.adopt(settings)
        return before

    def _shut_down(self, timeout_s: float) -> bool:
        with self._waking.held(
            min(timeout_s, LOCK_WAIT_S)
        ):  # a start that is under way comes to its end first
            self._gate.close()
        self._doors.close(min(timeout_s, LOCK_WAIT_S))
        self._vigil.stop()
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.stop(0.0)
        sent = self._collect()
        self._tell_tasks()
        self._processes.end()
        destination = self._outputs
        if destination is not None:
            with guarded():
                sent = destination.close(timeout_s) and sent
        if self._is_default:  # its sink goes on counting what comes too late
            self._sink.let_go_of_stdlib()
        else:
            self._sink.uninstall()
        return sent

    def _tick(self) -> float:
        self._collect()
        self._tell_tasks()
        destination = self._outputs
        if destination is not None:
            destination.tick()
        if not self.redirected:
            self._processes.tick()
            self._vigil.tick(self._observe)
        self._doors.tick()
        self._sink.restore()
        return _TICK_S

    def _tell_tasks(self) -> None:
        """Write the records that no task writes itself: of errors that are news, and of runs that take long."""
        for news in self._stats.take_news():
            self._tracker.lifecycle.error_news(news)
        self._tracker.watch.tell()

    def _tick_soon(self) -> None:
        ticker = self._ticker
        if ticker is not None:
            ticker.wake()

    def _observe(self) -> tuple[Snapshot, Present, int]:
        """Return the stats and the present of all processes, and how many they are."""
        snapshot, present = self._collection.observe(), self._present()
        return (snapshot, present, 1) if self.redirected else self._processes.together(snapshot, present)

    def _collect(self) -> bool:
        return self._collection.collect()

    def _is_off(self) -> bool:
        """Tell whether events are not wanted; those after `close()` are counted as dropped."""
        destination = self._outputs
        if self._closed and destination is not None:
            late = Batch()
            late.drop(1, DropReason.CLOSED)
            destination.add(late)
        return self._closed or (self._settings is not None and not self._settings.enabled)
