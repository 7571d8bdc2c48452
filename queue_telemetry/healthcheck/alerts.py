"""When to tell somebody: from the reasons that hold to alerts, few and each only once. No clock, no socket.

An alert is a value; who sends it where is not known here.
"""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from queue_telemetry.healthcheck._alert_memory import AlertMemory
from queue_telemetry.healthcheck.evaluate import Finding
from queue_telemetry.healthcheck.report import HealthReport, HealthStatus, Reason

__all__ = ["Alert", "AlertEvent", "Alerts"]

_MOST_AN_HOUR: Final = 10
_HOUR_S: Final = 3600.0
_NOTHING: Final = Finding()
_SURE_AFTER: Final = (
    3  # evaluations: so many it takes until a reason that holds is known to one that just began
)


class AlertEvent(StrEnum):
    """What an alert tells."""

    FIRED = "alert_fired"
    RESOLVED = "alert_resolved"


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that went wrong, or is right again.

    Attributes:
        event: Which of the two.
        rule: What is wrong.
        status: The verdict now.
        previous_status: The verdict of the alert before; healthy at the start.
        reasons: All that is wrong now, sorted.
        value: What was measured when it fired; None where there is no number to it.
        threshold: What it was held against; None without one.
        service: Whose alert it is; None when not configured.
        at: When, RFC 3339, UTC.
    """

    event: AlertEvent
    rule: Reason
    status: HealthStatus
    previous_status: HealthStatus
    reasons: tuple[Reason, ...]
    value: float | None
    threshold: float | None
    service: str | None
    at: str

    @property
    def message(self) -> str:
        """One line for people, such as `failure_ratio fired: 0.31, limit 0.25; degraded`."""
        verb = "fired" if self.event is AlertEvent.FIRED else "resolved"
        measured = "" if self.value is None else f": {self.value:.6g}"
        if measured and self.threshold is not None:
            measured += f", limit {self.threshold:.6g}"
        return f"{self.rule} {verb}{measured}; {self.status}"


class Alerts:
    """Turns what each evaluation came to into alerts. Not thread-safe.

    An alert fires when its reason holds, and once more only after the cooldown; it is resolved when its reason holds no
    more. At most ten fire in an hour. Nothing fires in the grace time after the start, when caches are cold and workers
    are still to come, or while draining, when they go on purpose: what still holds then fires after it.

    Args:
        started_s: When the process started, monotonic seconds.

    Attributes:
        cooldown_s: From an alert to the next with the same reason, seconds.
        grace_s: After the start, seconds.
        withheld: Alerts that did not fire because of the cooldown or the hour's limit.
    """

    def __init__(self, started_s: float, *, cooldown_s: float = 300.0, grace_s: float = 60.0) -> None:
        self.cooldown_s = cooldown_s
        self.grace_s = grace_s
        self.withheld = 0
        self._started_s = started_s
        self._status = HealthStatus.HEALTHY
        self._firing: dict[Reason, Finding] = {}
        self._fired_at_s: dict[Reason, float] = {}
        self._hour: deque[float] = deque(maxlen=_MOST_AN_HOUR)
        self._waiting: frozenset[Reason] = frozenset()  # withheld, and counted so
        self._known: dict[Reason, Finding] = {}
        self._inherited: set[Reason] = set()  # fired by another process, and not yet seen to hold by this one
        self._evaluations = 0

    def memory(self, now_s: float, epoch_s: float) -> AlertMemory:
        """Return what is known, for the process that speaks next.

        Args:
            now_s: Seconds, monotonic.
            epoch_s: The same moment, seconds since the epoch.
        """
        shift_s = epoch_s - now_s
        return AlertMemory(
            epoch_s,
            self._started_s + shift_s,
            self._status,
            dict(self._firing),
            {rule: at_s + shift_s for rule, at_s in self._fired_at_s.items()},
            tuple(at_s + shift_s for at_s in self._hour),
        )

    def recall(self, memory: AlertMemory, now_s: float, epoch_s: float) -> None:
        """Go on where the process that spoke before left off.

        The grace time is not begun again by a process that takes over within it: workers that are started again and again
        would never tell anything.

        Args:
            memory: What it knew.
            now_s: Seconds, monotonic.
            epoch_s: The same moment, seconds since the epoch.
        """
        shift_s = now_s - epoch_s
        if epoch_s - memory.written_s <= self.grace_s:
            self._started_s = min(self._started_s, memory.since_s + shift_s)
        self._status = memory.status
        self._firing = dict(memory.firing)
        self._inherited = set(memory.firing)
        # a clock that was turned back must not put off what comes for longer than it would have been
        self._fired_at_s = {rule: min(at_s + shift_s, now_s) for rule, at_s in memory.fired_at_s.items()}
        self._hour = deque((min(at_s + shift_s, now_s) for at_s in memory.hour_s), _MOST_AN_HOUR)

    def after(
        self,
        active: Collection[Reason],
        findings: Mapping[Reason, Finding],
        report: HealthReport,
        now_s: float,
    ) -> list[Alert]:
        """Return the alerts that one more evaluation gives rise to, the resolved ones first.

        Args:
            active: The reasons that hold after hysteresis.
            findings: What was found in this evaluation alone: values and thresholds.
            report: The verdict.
            now_s: Seconds, monotonic.
        """
        self._known = {reason: self._known.get(reason, _NOTHING) for reason in active} | dict(findings)
        self._evaluations += 1
        self._inherited -= set(active)
        unsure = self._inherited if self._evaluations < _SURE_AFTER else self._inherited & findings.keys()
        status, previous = report.status, self._status
        resolved = sorted(self._firing.keys() - set(active) - unsure)
        fired = self._due(sorted(set(active) - self._firing.keys()), status, now_s)
        alerts = [(AlertEvent.RESOLVED, rule, self._firing.pop(rule)) for rule in resolved]
        for rule in fired:
            self._firing[rule] = self._known.get(rule, _NOTHING)
            self._fired_at_s[rule] = now_s
            self._hour.append(now_s)
            alerts.append((AlertEvent.FIRED, rule, self._firing[rule]))
        if alerts:
            self._status = status
        return [
            Alert(
                event=event,
                rule=rule,
                status=status,
                previous_status=previous,
                reasons=report.reasons,
                value=finding.value,
                threshold=finding.threshold,
                service=report.service,
                at=report.observed_at,
            )
            for event, rule, finding in alerts
        ]

    def _due(self, rules: list[Reason], status: HealthStatus, now_s: float) -> list[Reason]:
        """Return which of the reasons that newly hold may fire; count the others once, while they wait."""
        if status is HealthStatus.DRAINING or now_s - self._started_s < self.grace_s:
            return []
        room = self._hour.maxlen or 0
        room -= sum(now_s - fired_s < _HOUR_S for fired_s in self._hour)
        due = [rule for rule in rules if now_s - self._fired_at_s.get(rule, float("-inf")) >= self.cooldown_s]
        waiting = frozenset(rules) - frozenset(due[:room])
        self.withheld += len(waiting - self._waiting)
        self._waiting = waiting
        return due[:room]
