"""Where alerts go: a log record, a counter, Datadog, and the user's callback; from one process of the host."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from queue_telemetry._runtime import Clock, say
from queue_telemetry._runtime.callables import CallableKind, kind_of
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.healthcheck import (
    Alert,
    AlertEvent,
    AlertMemory,
    Alerts,
    Finding,
    HealthReport,
    HealthStatus,
    Reason,
)
from queue_telemetry.metrics import CATALOG
from queue_telemetry.processes import Ownership
from queue_telemetry.settings import Settings
from queue_telemetry.tasks import Tracker
from queue_telemetry.telemetry._lane import Lane
from queue_telemetry.telemetry._notices import Notices

__all__ = ["AlertCallback", "Alerting", "checked_callback"]

AlertCallback = Callable[[Alert], object]
"""What a user gives to `on_alert`."""

_FIRED: Final = CATALOG["queue.alerts.fired"]
_CHECK_EACH_S: Final = 60.0  # UDP may lose one, and a monitor without news would say the last for ever


class Alerting:
    """Alerts of one telemetry in one process, which evaluates for its service and speaks only where it has the duty.

    A process that takes the duty over knows what fired before from the one that had it, and tells when it is resolved.
    Records and the callback have a thread each, so that neither a log handler nor the user's code holds up anything.
    `after` is for the ticker. Not fork-aware: a child makes its own and forgets this one.

    Attributes:
        callback: The user's; None for none.
    """

    def __init__(self, tracker: Tracker, clock: Clock, callback: AlertCallback | None = None) -> None:
        self.callback = callback
        self._tracker = tracker
        self._clock = clock
        self._alerts: Alerts | None = None
        self._ownership = Ownership(None, "alerts")
        self._notices: Notices | None = None
        self._lane, self._callback_lane = _lanes()
        self._is_owner = False
        self._told = HealthStatus.HEALTHY  # of which the last service check told
        self._check_due_s = float("-inf")
        self._fired = 0
        self._lost_before = 0
        self._callback_failures = 0

    def adopt(self, settings: Settings, state_dir: Path | None) -> None:
        """Do as these settings say from now on."""
        self.stop()
        duty = "alerts" if settings.health_alerts else "health"
        self._ownership = Ownership(state_dir, f"{duty} {settings.service or ''}")
        if not settings.health_alerts:
            self._alerts = None
            return
        if self._alerts is None:
            self._alerts = Alerts(self._clock.monotonic())
        self._alerts.cooldown_s = settings.health_alert_cooldown_s
        self._alerts.grace_s = settings.health_alert_grace_s
        self._lost_before += self._lane.lost + self._callback_lane.lost
        self._lane, self._callback_lane = _lanes()
        self._notices = Notices(settings)

    def has_duty(self) -> bool:
        """Take the duty if nobody has it; tell whether this is the process that evaluates for all, with alerts or without."""
        owns = self._ownership.take()
        if not owns:
            self._is_owner = False  # who has it back later asks what was told meanwhile
        return owns

    def after(
        self, active: Collection[Reason], findings: Mapping[Reason, Finding], report: HealthReport
    ) -> None:
        """Tell what one more evaluation gives rise to. Arguments as for `Alerts.after`. Must not block or raise."""
        alerts, notices = self._alerts, self._notices
        if alerts is None or notices is None:
            return
        now_s, epoch_s = self._clock.monotonic(), self._clock.time()
        owns = self._ownership.take()
        if owns and not self._is_owner:
            # a process that lives for seconds opens no socket to say that all is well
            self._told, self._check_due_s = HealthStatus.HEALTHY, now_s + _CHECK_EACH_S
            self._recall(alerts, now_s, epoch_s)
        self._is_owner = owns
        news = alerts.after(active, findings, report, now_s)
        if not owns:
            return
        # before it is told: an heir that tells it again and again is worse than one that tells it not at all
        self._ownership.note_done(alerts.memory(now_s, epoch_s).encode())
        for alert in news:
            self._tell(alert, notices)
        if notices.works and (report.status is not self._told or now_s >= self._check_due_s):
            self._told, self._check_due_s = report.status, now_s + _CHECK_EACH_S
            self._lane.put(partial(notices.send_check, report))

    def stop(self) -> None:
        """Say nothing more, and leave the duty to another process. Waits for nothing."""
        self._lane.stop()
        self._callback_lane.stop()
        self._is_owner = False
        self._ownership.release()
        if self._notices is not None:
            self._notices.close()
            self._notices = None

    def forget(self) -> None:
        """In a forked child: close the copies of the parent's lock and socket."""
        self._ownership.forget()
        if self._notices is not None:
            self._notices.forget()

    def stats(self) -> dict[str, object]:
        """Return what was told and what was not; empty where alerts are off."""
        if self._alerts is None:
            return {}
        return {
            "fired": self._fired,
            "withheld": self._alerts.withheld,
            "lost": self._lost_before + self._lane.lost + self._callback_lane.lost,
            "notices_lost": 0 if self._notices is None else self._notices.lost(),
            "callback_failures": self._callback_failures,
        }

    def _recall(self, alerts: Alerts, now_s: float, epoch_s: float) -> None:
        word = self._ownership.word()
        if word:
            try:
                alerts.recall(AlertMemory.decode(word), now_s, epoch_s)
            except ValueError as error:
                say(
                    "alerts_memory",
                    "alerts of other processes are not known, and may be told again: %s",
                    error,
                )

    def _tell(self, alert: Alert, notices: Notices) -> None:
        if alert.event is AlertEvent.FIRED:
            self._fired += 1
            self._tracker.registry.counter(_FIRED, (alert.rule.value,)).increment()
        self._lane.put(partial(self._write, alert))
        if notices.works:
            self._lane.put(partial(notices.send_event, alert))
        callback = self.callback
        if callback is not None:
            self._callback_lane.put(partial(self._call, callback, alert))

    def _write(self, alert: Alert) -> None:
        level = "INFO"
        if alert.event is AlertEvent.FIRED:
            level = "ERROR" if alert.status is HealthStatus.UNHEALTHY else "WARNING"
        fields: dict[str, object] = {
            "event": alert.event.value,
            "rule": alert.rule.value,
            "status": alert.status.value,
            "previous_status": alert.previous_status.value,
            "reasons": [reason.value for reason in alert.reasons],
        }
        measured = {"value": alert.value, "threshold": alert.threshold}
        fields |= {key: number for key, number in measured.items() if number is not None}
        self._tracker.lifecycle.alert(level, alert.message, fields)

    def _call(self, callback: AlertCallback, alert: Alert) -> None:
        try:
            callback(alert)
        except BaseException as error:  # noqa: BLE001 - the user's own function, which may end a thread by SystemExit too
            self._callback_failures += 1
            say("on_alert", "the callback for alerts failed with %s", type(error).__name__)


def _lanes() -> tuple[Lane, Lane]:
    return Lane("queue_telemetry-alerts"), Lane("queue_telemetry-on-alert")


def checked_callback(callback: AlertCallback | None) -> AlertCallback | None:
    """Return a callback that can be used.

    Raises:
        ConfigurationError: It cannot be called, or is asynchronous.
    """
    if callback is not None and not callable(callback):
        raise ConfigurationError(f"on_alert({callback!r}) cannot be called")
    if callback is not None and kind_of(callback) is not CallableKind.FUNCTION:
        raise ConfigurationError(
            f"on_alert({callback!r}) is asynchronous or a generator, and is called from a thread without a loop; hand the "
            "alert over to your own loop in a plain function"
        )
    return callback
