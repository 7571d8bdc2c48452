"""All that goes on by itself while a process lives: evaluations, alerts, broker probes, and SIGTERM as a drain."""

from collections.abc import Callable

from queue_telemetry._runtime import Clock
from queue_telemetry.healthcheck import HealthReport, Reason, evaluate
from queue_telemetry.healthcheck.present import Present
from queue_telemetry.metrics import Snapshot, Stats
from queue_telemetry.processes import private_dir
from queue_telemetry.settings import Settings
from queue_telemetry.tasks import BrokerProbes, Tracker
from queue_telemetry.telemetry._alerts import AlertCallback, Alerting, checked_callback
from queue_telemetry.telemetry._judge import Judge
from queue_telemetry.telemetry._probes import ProbeRunner
from queue_telemetry.telemetry._sigterm import SigtermDrain

__all__ = ["Vigil"]


class Vigil:
    """What watches over one telemetry. `tick` is for the ticker, the rest for any thread.

    Args:
        tracker: Writes records and has the registry.
        probes: The registered broker probes.
        clock: The clocks.
        drain: What SIGTERM does where the settings say so.
        hear: Tells the present of all processes, with what holds by the others; cheap.
    """

    def __init__(
        self,
        tracker: Tracker,
        probes: BrokerProbes,
        clock: Clock,
        drain: Callable[[], None],
        hear: Callable[[], Present],
    ) -> None:
        self._hear = hear
        self._tracker = tracker
        self._broker_probes = probes
        self._clock = clock
        self._sigterm = SigtermDrain(drain)
        self._drains_on_sigterm = False
        self._begin_process(None)

    def _begin_process(self, callback: AlertCallback | None) -> None:
        self.judge = Judge(self._clock)
        self._alerting = Alerting(self._tracker, self._clock, callback)
        self._probes = ProbeRunner(self._broker_probes, self._clock)
        self._due_s = float("inf")
        self._follows = False

    @property
    def settled(self) -> frozenset[Reason] | None:
        """The reasons that hold after hysteresis; None where another process says so, and until it can be said."""
        settled = self.judge.settled
        return settled.active if settled.is_conclusive and not self._follows else None

    def on_alert(self, callback: AlertCallback | None) -> None:
        """Have *callback* called with each alert instead of the one before.

        Raises:
            ConfigurationError: It cannot be called, or is asynchronous.
        """
        self._alerting.callback = checked_callback(callback)

    def adopt(self, settings: Settings) -> None:
        """Do as these settings say from now on."""
        if not settings.enabled:
            self._drains_on_sigterm = False
            self.stop()
            return
        folder = private_dir(settings.state_dir)
        self.judge.interval_s = settings.health_interval_s
        # not at once: a child that lives for one job looks at no other process, and asks nobody for a duty
        self._due_s = self._clock.monotonic() + settings.health_interval_s
        self._alerting.adopt(settings, folder)
        self._probes.adopt(settings.probe_interval_s, folder, settings.service)
        self._drains_on_sigterm = settings.health_drain_on_sigterm
        if not self._drains_on_sigterm:
            self._sigterm.restore()

    def start(self) -> None:
        """At `configure()` or a first event, on the thread of the application."""
        if self._drains_on_sigterm:
            self._sigterm.install()

    def report(self, snapshot: Snapshot, present: Present) -> HealthReport:
        """Return the report of now, with the reasons that hold."""
        return self.judge.judge(snapshot, present.facts, present.thresholds)

    def verdict(self, present: Present) -> HealthReport:
        """Return a report without counts, at no cost to speak of: what follows from them is as who evaluates for all says.

        Args:
            present: From `hear`.
        """
        said = [self.settled, present.settled, self.judge.settled.active]
        settled = next(reasons for reasons in said if reasons is not None)
        return evaluate(Stats(self._clock).snapshot(), present.facts, present.thresholds, settled)

    def tick(self, observe: Callable[[], tuple[Snapshot, Present, int]]) -> None:
        """Do what is due.

        Args:
            observe: Tells how all processes of the host do, and how many they are; asked once each interval, in the one
                process of the service that evaluates for all. In each it would cost the square of their number.
        """
        self._probes.tick()
        self._sigterm.check()
        now_s = self._clock.monotonic()
        if now_s >= self._due_s:
            self._due_s = now_s + self.judge.interval_s
            if not self._alerting.has_duty():
                self._follow()
                return
            self._follows = False
            snapshot, present, _ = observe()
            report = self.report(snapshot, present)
            self._alerting.after(self.judge.settled.active, self.judge.findings, report)

    def _follow(self) -> None:
        present = self._hear()
        self._follows = present.settled is not None
        if present.settled is not None:
            self.judge.follow(present.settled, present.facts)

    def stale_probes(self) -> frozenset[str]:
        """Return the probes of this process whose last answer is overdue."""
        return self._probes.stale()

    def stats(self) -> dict[str, dict[str, object]]:
        """Return what became of alerts and probes, where there are any."""
        parts = {"alerts": self._alerting.stats(), "broker_probes": self._probes.stats()}
        return {name: part for name, part in parts.items() if part}

    def stop(self) -> None:
        """Let go of everything until `adopt`, at once; nothing is waited for."""
        self._due_s = float("inf")
        self._follows = False
        self._probes.stop()
        self._alerting.stop()
        self._sigterm.restore()

    def reset_after_fork(self) -> None:
        """In a forked child: begin anew. Takes no lock; what the parent watched it goes on watching."""
        callback = self._alerting.callback
        self._alerting.forget()
        self._probes.forget()
        self._begin_process(callback)
