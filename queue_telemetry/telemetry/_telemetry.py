"""Telemetry: one whole, from the instruments to the outputs; wakes in each process at that process's first event."""

import logging
import os
import threading
from typing import Final, Self

from queue_telemetry._runtime import (
    LOGGER,
    SYSTEM_CLOCK,
    BackgroundLoop,
    DropReason,
    Gate,
    full_jitter_s,
    guarded,
    register_fork_aware,
    say,
)
from queue_telemetry.healthcheck import HealthReport, ProcessFacts, Thresholds, evaluate, make_wsgi_app
from queue_telemetry.metrics import Batch, Instruments, Registry, Stats
from queue_telemetry.settings import Settings, load, load_leniently
from queue_telemetry.tasks import EVENTS_BY_SETTING, Operations, Tracker
from queue_telemetry.telemetry._destination import Destination
from queue_telemetry.telemetry._exit import close_at_exit
from queue_telemetry.telemetry._outputs import Outputs, host_name
from queue_telemetry.telemetry._sink import SinkKeeper

__all__ = ["Telemetry"]

_TICK_S: Final = 1.0
_LOCK_WAIT_S: Final = (
    1.0  # a collection takes milliseconds; only a signal handler inside one can wait in vain
)
_SWAP_S: Final = 2.0


class Telemetry(Instruments, Operations):
    """Instruments, operations on a queue, their outputs and the health of the process.

    The module functions of `queue_telemetry` act on one default instance, which also ships ordinary loguru records.

    Args:
        settings: Validated settings; read from the environment when None.
        capture_logs: Ship records that belong to no task too; without it only those of this instance's tasks.
        **overrides: Settings by name, which beat the environment.

    Attributes:
        wsgi_app: `/livez`, `/readyz` and `/healthz` as a WSGI application.

    Raises:
        ConfigurationError: A setting is wrong.
    """

    def __init__(
        self, settings: Settings | None = None, /, *, capture_logs: bool = False, **overrides: object
    ) -> None:
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
        self._sink = SinkKeeper(self._tracker, captures_all=captures_all)
        self._outputs: Destination | None = None
        self._configuration_invalid = False
        self._draining = False
        self._closed = False
        self._closed_well = True
        self._forked = False
        self._begin_process()
        self.wsgi_app = make_wsgi_app(self.health)
        register_fork_aware(self)

    def _begin_process(self) -> None:
        """Make what belongs to one process."""
        self._waking = threading.Lock()  # one thread wakes the process; never waited for by an event
        self._collecting = threading.Lock()  # guards the drain of the cells, the stats and their hand-over
        self._stats = Stats(self._clock)
        self._collected = False
        self._ticker: BackgroundLoop | None = None
        self._start_failures = 0
        self._start_again_at_s = 0.0

    def reset_after_fork(self) -> None:
        """Fall asleep in a forked child: what was pending, open or running stays the parent's."""
        self._gate.asleep, self._gate.quiet = True, False
        outputs, self._outputs = self._outputs, None
        if outputs is not None:
            outputs.forget()
        self._forked = True
        self._begin_process()
        self._tracker.reset_after_fork()

    def configure(self, **overrides: object) -> None:
        """Set settings by name; they beat the environment. Again: the outputs are swapped, the old ones flushed.

        Raises:
            ConfigurationError: A setting is wrong; nothing has changed then.
        """
        settings = load(**overrides)
        old = self._outputs
        self._collect()
        with self._waking:
            self._gate.asleep, self._gate.quiet = True, False
            self._settings, self._outputs = settings, None
            self._configuration_invalid = self._closed = False
            self._sink.uninstall()
            if settings.enabled:
                self._build(settings)
        if old is not None:
            with guarded():
                old.close(_SWAP_S)

    def flush(self, timeout_s: float = 2.0) -> bool:
        """Send everything recorded before the call; True when nothing of it is pending in time.

        What a receiver refused is no longer pending: see `health().telemetry` for losses.
        """
        self._collect()
        outputs = self._outputs
        if outputs is None:
            return True
        with guarded():
            return outputs.flush(timeout_s)

    def close(self, timeout_s: float = 5.0) -> bool:
        """Send everything, stop the threads, drop and count the rest; True when all was sent in time.

        Idempotent; runs by itself at exit. Later events count as dropped, until `configure()`.
        """
        if self._closed:
            return self._closed_well
        self._closed = True
        self._gate.asleep, self._gate.quiet = True, False
        ticker, self._ticker = self._ticker, None
        if ticker is not None:
            ticker.stop(0.0)
        self._sink.uninstall()
        self._collect()
        outputs = self._outputs
        if outputs is not None:
            with guarded():
                self._closed_well = outputs.close(timeout_s)
        return self._closed_well

    def health(self) -> HealthReport:
        """Return the health of this process, from its own counters: no I/O, no broker."""
        if self._gate.asleep:
            self._wake()
        self._collect()
        settings = self._settings or Settings.model_construct()
        thresholds = Thresholds(
            settings.health_heartbeat_max_age_s,
            settings.health_min_workers,
            settings.health_failure_ratio,
            settings.health_failure_min_tasks,
            settings.health_queue_size_max,
            settings.health_oldest_task_age_max_s,
        )
        return evaluate(self._stats.snapshot(), self._facts(settings), thresholds)

    def live(self) -> bool:
        """Tell whether this process can make progress: restarting it would not help. Never looks at a broker."""
        return self.health().live

    def ready(self) -> bool:
        """Tell whether this process should get work now: live, started, and not draining."""
        return self.health().ready

    def drain(self) -> None:
        """Say that this process is about to end: it is no longer ready."""
        self._draining = True

    def _facts(self, settings: Settings) -> ProcessFacts:
        tracker, workers, outputs = self._tracker, self._tracker.workers, self._outputs
        in_flight, slots = tracker.in_flight(), workers.slots()
        telemetry: dict[str, dict[str, object]] = {} if outputs is None else outputs.stats()
        telemetry.setdefault("logs", {}).update(self._sink.stats())
        telemetry["tasks"] = {"waits_clamped": tracker.waits_clamped(), **self._registry.stats()}
        return ProcessFacts(
            collected=self._collected and not self._gate.asleep,
            draining=self._draining,
            active_workers=workers.active(),
            slots_used=min(in_flight, slots),
            slots_total=slots,
            in_flight=in_flight,
            longest_running_s=tracker.longest_running_s(),
            heartbeat_age_s=None if in_flight else workers.heartbeat_age_s(),
            configuration_invalid=self._configuration_invalid,
            telemetry=telemetry,
            telemetry_dropping=frozenset() if outputs is None else outputs.dropping(),
            now_s=self._clock.time(),
            service=settings.service,
            version=settings.version,
        )

    def _wake(self) -> bool:
        """Start what this process needs at its first event; tell whether events are recorded."""
        if self._closed:
            self._count_after_close()
            return False
        if self._settings is not None and not self._settings.enabled:
            return False
        if not self._waking.acquire(blocking=False):
            return (
                True  # another thread is at it, or this one below a signal handler: the cells keep the event
            )
        try:
            return not self._gate.asleep or self._start()
        except Exception as error:  # noqa: BLE001 - an event of the application must not end in our start
            say("wake", "telemetry could not start: %s: %s", type(error).__name__, error, level=logging.ERROR)
            return False
        finally:
            self._waking.release()

    def _start(self) -> bool:
        now_s = self._clock.monotonic()
        if now_s < self._start_again_at_s:
            return True
        settings = self._settings
        if settings is None:
            settings = self._settings = self._load_lazily()
        if not settings.enabled:
            return False
        if self._forked:
            self._forked = False
            self._tracker.forget_parents_runs()
            self._registry.discard()
        outputs = self._outputs or self._build(settings)
        close_at_exit(self)
        if self._ticker is None:
            self._ticker = BackgroundLoop("queue_telemetry-ticker", self._tick)
        if outputs.start() and (self._ticker.alive or self._ticker.start()):
            self._gate.quiet = not self._tracker.lifecycle.events
            self._gate.asleep = False
            return True
        self._start_failures += 1
        self._start_again_at_s = now_s + full_jitter_s(self._start_failures, base_s=1.0, cap_s=60.0)
        say("threads", "this process can have no more threads; telemetry collects in place and tries again")
        self._collect()
        return True

    def _build(self, settings: Settings) -> Outputs:
        self._registry.max_series = settings.max_series
        self._tracker.lifecycle.events = EVENTS_BY_SETTING[settings.task_logs]
        self._tracker.workers.default_id = settings.worker_id or f"{host_name()}:{os.getpid()}"
        self._outputs = outputs = Outputs(settings, self._clock, self._collect)
        if outputs.buffer is not None:
            self._sink.send_to(settings, outputs.buffer)
        return outputs

    def _load_lazily(self) -> Settings:
        settings, problems = load_leniently()
        if problems:
            self._configuration_invalid = True
            LOGGER.error("settings that are wrong keep their defaults: %s", "; ".join(problems))
        return settings

    def _tick(self) -> float:
        self._collect()
        outputs = self._outputs
        if outputs is not None:
            outputs.tick()
        self._sink.restore()
        return _TICK_S

    def _collect(self) -> bool:
        """Drain the cells into the stats and the outputs; False when another collection did not end in time."""
        if not self._collecting.acquire(timeout=_LOCK_WAIT_S):
            return False
        try:
            batch = self._registry.collect()
            self._stats.fold(batch, self._tracker.take_errors())
            if self._outputs is not None:
                self._outputs.add(batch)
            self._collected = True
        finally:
            self._collecting.release()
        return True

    def _count_after_close(self) -> None:
        if self._outputs is not None:
            late = Batch()
            late.drop(1, DropReason.CLOSED)
            self._outputs.add(late)
