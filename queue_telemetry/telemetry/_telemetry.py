"""Telemetry: one whole, from the instruments to the outputs; wakes in each process at that process's first event."""

from dataclasses import replace
from typing import Final, Self, TypeVar
from wsgiref.types import WSGIApplication

from queue_telemetry._runtime import SYSTEM_CLOCK, Gate, guarded, register_fork_aware
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.healthcheck import ASGIApplication, HealthReport, evaluate
from queue_telemetry.metrics import Instruments, Registry
from queue_telemetry.prometheus import Scrape
from queue_telemetry.settings import Settings, load
from queue_telemetry.tasks import Operations, Tracker
from queue_telemetry.telemetry._alerts import AlertCallback
from queue_telemetry.telemetry._collection import Collection
from queue_telemetry.telemetry._doors import Doors
from queue_telemetry.telemetry._outputs import Outputs
from queue_telemetry.telemetry._process_life import LOCK_WAIT_S, LONGEST_S, ProcessLife
from queue_telemetry.telemetry._sink import SinkKeeper
from queue_telemetry.telemetry._vigil import Vigil

__all__ = ["Telemetry"]

C = TypeVar("C", bound=AlertCallback | None)

_SWAP_S: Final = 2.0


class Telemetry(Instruments, Operations, ProcessLife):
    """Instruments, operations on a queue, their outputs and the health of the process.

    The module functions of `queue_telemetry` act on one default instance, which also ships ordinary loguru records.

    Args:
        settings: Validated settings; read from the environment when None.
        capture_logs: Ship records that belong to no task too; without it only those of this instance's tasks.
        **overrides: Settings by name, which beat the environment.

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
        with self._waking.held(LOCK_WAIT_S):
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
            return destination.flush(min(timeout_s, LONGEST_S)) and collected

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

    def _scrape(self) -> Scrape:
        report = self.health()
        slots = {"used": report.slots.used, "total": report.slots.total}
        shown = {} if report.active_workers is None else slots
        return Scrape(self._processes.summary(), self._clock.monotonic(), report.active_workers, shown)
