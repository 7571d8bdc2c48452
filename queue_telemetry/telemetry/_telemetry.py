"""Telemetry: one whole, from the instruments to the outputs; wakes in each process at that process's first event."""

import logging
import os
from dataclasses import replace
from functools import partial
from typing import Final, Self, TypeVar
from wsgiref.types import WSGIApplication

from queue_telemetry._runtime import (
    SYSTEM_CLOCK,
    BackgroundLoop,
    DropReason,
    Gate,
    OwnedLock,
    full_jitter_s,
    guarded,
    register_fork_aware,
    say,
)
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.healthcheck import ASGIApplication, HealthReport, ProcessFacts, evaluate
from queue_telemetry.healthcheck.present import Present
from queue_telemetry.metrics import Batch, Instruments, Registry, Snapshot, Stats
from queue_telemetry.prometheus import Scrape
from queue_telemetry.settings import Settings, load
from queue_telemetry.tasks import Operations, Tracker
from queue_telemetry.telemetry._alerts import AlertCallback
from queue_telemetry.telemetry._collection import Collection
from queue_telemetry.telemetry._destination import Destination
from queue_telemetry.telemetry._doors import Doors
from queue_telemetry.telemetry._exit import close_at_exit
from queue_telemetry.telemetry._former_logs import FormerLogs
from queue_telemetry.telemetry._judge import thresholds_of
from queue_telemetry.telemetry._lenient import build_leniently, read_leniently
from queue_telemetry.telemetry._outputs import Outputs, host_name
from queue_telemetry.telemetry._processes import Processes
from queue_telemetry.telemetry._sink import SinkKeeper
from queue_telemetry.telemetry._vigil import Vigil

__all__ = ["Telemetry"]

C = TypeVar("C", bound=AlertCallback | None)

_TICK_S: Final = 1.0
_LOCK_WAIT_S: Final = 1.0  # what is done under the lock takes milliseconds
_SWAP_S: Final = 2.0
_LONGEST_S: Final = 86_400.0  # a wait without end is asked for with infinity, which locks refuse
_RESTART_BASE_S: Final = 1.0
_RESTART_CAP_S: Final = 10.0  # telemetry is sent in place this often where no thread can be had


class Telemetry(Instruments, Operations):
    """Instruments, operations on a queue, their outputs and the health of the process.

    The module functions of `queue_telemetry` act on one default instance, which also ships ordinary loguru records.

    Args:
        settings: Validated settings; read from the environment when None.
        capture_logs: Ship records that belong to no task too; without it only those of this instance's tasks.
        **overrides: Settings by name, which beat the environment.

    Attributes:
        redirected: Whether a test has its data elsewhere now: `configure()` then only checks, `close()` only collects.

    Raises:
        ConfigurationError: A setting is wrong.
    """

    def __init__(
        self, settings: Settings | None = None, /, *, capture_logs: bool = False, **overrides: object
    ) -> None:
        if settings is not None and overrides:
            raise ConfigurationError(f"settings and {', '.join(overrides)}: give the one or the others")
        self._compose(load(**overrides) if settings is None else settings, captures_all=capture_logs)

    @classmethod
    def lazy(cls) -> Self:
        """Return a telemetry that reads the environment at its first event, never raises for it, and ships all records."""
        telemetry = cls.__new__(cls)
        telemetry._compose(None, captures_all=True)
        return telemetry

    def _compose(self, settings: Settings | None, *, captures_all: bool) -> None:
        self._clock = SYSTEM_CLOCK
        self._gate = Gate(self._wake)
        Instruments.__init__(self, Registry(self._gate, self._clock))
        Operations.__init__(self, Tracker(self._registry, self._gate, self._clock))
        self._settings = settings
        self._is_default = settings is None
        self._collection = Collection(self._registry, self._tracker, self._clock)
        self._sink = SinkKeeper(
            self._tracker, self._wake_for_record, self._tick_soon, captures_all=captures_all
        )
        self._configuration_invalid = False
        self._draining = False
        self._closed = False
        self._closed_well = True
        self.redirected = False
        self._vigil = Vigil(self._tracker, self._broker_probes, self._clock, self.drain, self._hear)
        self._begin_process()
        self._doors = Doors(self.health, self._scrape, lambda: self._settings, self._verdict)
        register_fork_aware(self)

    @property
    def wsgi_app(self) -> WSGIApplication:
        """`/livez`, `/readyz`, `/healthz` and `/metrics` as a WSGI application."""
        return self._doors.wsgi_app

    @property
    def asgi_app(self) -> ASGIApplication:
        """The same as an ASGI application."""
        return self._doors.asgi_app

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

    def reset_after_fork(self) -> None:
        """Fall asleep in a forked child: what was pending, open or running stays the parent's."""
        self._gate.close()
        destination = self._outputs
        self._closed = False  # it was the parent that closed
        self._collection.reset_after_fork()
        self._sink.reset_after_fork()
        self._doors.forget()
        self._vigil.reset_after_fork()
        if destination is not None:
            destination.forget()
        self._begin_process()
        self._tracker.reset_after_fork()

    def configure(self, **overrides: object) -> None:
        """Set settings by name; they beat the environment, and what is not named here is read from there.

        Again: the outputs are swapped, the old ones flushed.

        Raises:
            ConfigurationError: A setting is wrong; nothing has changed then.
        """
        settings = load(**overrides)
        if self.redirected:
            return
        outputs = self._build(settings) if settings.enabled else None
        with self._waking.held(_LOCK_WAIT_S):
            self._gate.close()
            self._settings = settings
            self._configuration_invalid = self._closed = False
            old = self._adopt(settings, outputs)
        self._vigil.start()
        with guarded():
            try:
                if old is not None:
                    if outputs is not None and outputs.buffer is not None and old.buffer is not None:
                        old.buffer.hand_over(outputs.buffer)  # what a thread logs that had the old one
                    old.close(_SWAP_S)
            finally:
                if old is not None:
                    self._collection.let_go(old)
                if isinstance(old, Outputs):
                    old.bequeath()
                if outputs is not None:
                    outputs.tell_of_former()
        self._doors.invite()
        if settings.health_port is not None or settings.health_agent_port is not None:
            self._wake()  # probes ask before the first task comes

    def flush(self, timeout_s: float = 2.0) -> bool:
        """Send everything recorded before the call; True when nothing of it is pending in time.

        What a receiver refused is no longer pending: see `health().telemetry` for losses.
        """
        collected = self._collect()
        destination = self._outputs
        if destination is None:
            return collected
        if not self.redirected:
            self._processes.tell()
        with guarded():
            return destination.flush(min(timeout_s, _LONGEST_S)) and collected

    def close(self, timeout_s: float = 5.0) -> bool:
        """Send everything, stop the threads, drop and count the rest; True when all was sent in time.

        Idempotent; runs by itself at exit. Later events count as dropped, until `configure()`.
        """
        if self.redirected:
            return self._collect()
        timeout_s = min(max(timeout_s, 0.0), _LONGEST_S)
        with self._closing.held(timeout_s) as held:
            if not held:  # another thread takes longer than that, or this very thread is at it
                return False
            if not self._closed:
                self._closed = True
                self._closed_well = self._shut_down(timeout_s)
            return self._closed_well

    def health(self) -> HealthReport:
        """Return the health of the service's processes on this host: from own counters and what others told. No broker."""
        if self._gate.asleep and not self._closed:
            self._wake()
        self._processes.is_asked()
        snapshot, present, processes = self._observe()
        if self.redirected:  # what a test does shows at once
            return evaluate(snapshot, present.facts, present.thresholds)
        report = self._vigil.report(snapshot, present)
        return report if processes == 1 else replace(report, processes=processes)

    def live(self) -> bool:
        """Tell whether this host's processes can make progress: a restart would not help. Never looks at a broker."""
        return self._verdict().live

    def ready(self) -> bool:
        """Tell whether they should get work now: live, started, and not draining."""
        return self._verdict().ready

    def drain(self) -> None:
        """Say that this process is about to end: it is no longer ready."""
        self._draining = True

    def on_alert(self, callback: C, /) -> C:
        """Have *callback* called with each `Alert`, by one process of this host, on a thread of its own; works as a decorator.

        What it raises is counted. It replaces the one before; None takes it away.

        Raises:
            ConfigurationError: It cannot be called, or is asynchronous.
        """
        self._vigil.on_alert(callback)
        return callback

    def _verdict(self) -> HealthReport:
        """Return what `live` and `ready` need: from facts, without counts, at the same cost however many there are."""
        if self._gate.asleep and not self._closed:
            self._wake()
        if not self._collection.ran:
            self._collect()
        return self._vigil.verdict(self._hear())

    def _hear(self) -> Present:
        present = self._present()
        return present if self.redirected else self._processes.hear(present)

    def _observe(self) -> tuple[Snapshot, Present, int]:
        """Return the stats and the present of all processes, and how many they are."""
        snapshot, present = self._collection.observe(), self._present()
        return (snapshot, present, 1) if self.redirected else self._processes.together(snapshot, present)

    def _present(self) -> Present:
        """Return the present of this process."""
        settings = self._settings or Settings.model_construct()
        return Present(
            self._facts(settings),
            thresholds_of(settings),
            ticking=self._ticker is not None and self._ticker.alive,
            settled=self._vigil.settled,
        )

    def _facts(self, settings: Settings) -> ProcessFacts:
        tracker, workers, destination = self._tracker, self._tracker.workers, self._outputs
        in_flight, slots = tracker.in_flight(), workers.slots()
        telemetry = {} if destination is None else destination.stats()
        telemetry.setdefault("logs", {}).update(self._sink.stats())
        telemetry["probes"] = self._doors.stats()
        telemetry.update(self._vigil.stats())
        telemetry["tasks"] = {**tracker.stats(), **self._registry.stats()}
        return ProcessFacts(
            collected=self._collection.ran or not settings.enabled,
            draining=self._draining,
            active_workers=workers.active(),
            slots_used=min(in_flight, slots),
            slots_total=slots,
            in_flight=in_flight,
            longest_running_s=tracker.longest_running_s() if in_flight else None,
            heartbeat_age_s=workers.heartbeat_age_s(in_flight),
            configuration_invalid=self._configuration_invalid,
            telemetry=telemetry,
            telemetry_failing=frozenset() if destination is None else destination.failing(),
            now_s=self._clock.time(),
            service=settings.service,
            version=settings.version,
            utilisation=self._vigil.judge.utilisation,
            stale_probes=self._vigil.stale_probes(),
        )

    def _scrape(self) -> Scrape:
        report = self.health()
        slots = {"used": report.slots.used, "total": report.slots.total}
        shown = {} if report.active_workers is None else slots
        return Scrape(self._processes.summary(), self._clock.monotonic(), report.active_workers, shown)

    def _wake(self) -> bool:
        """Start what this process needs at its first event; tell whether events are recorded."""
        if self._is_off():
            return False
        # Nobody waits for a thread that starts again, since the cells keep the event. At the first start they do: the
        # sink is not there yet for what they log, and a forked child's cells are emptied of the parent's.
        first = self._collection.inherited or self._outputs is None
        with self._waking.held(_LOCK_WAIT_S if first else 0.0) as held:
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
            min(timeout_s, _LOCK_WAIT_S)
        ):  # a start that is under way comes to its end first
            self._gate.close()
        self._doors.close(min(timeout_s, _LOCK_WAIT_S))
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
