"""Judges again and again, so that what swings about a threshold settles: the memory that `evaluate` does not have."""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from queue_telemetry._runtime import Clock, OwnedLock
from queue_telemetry.healthcheck import (
    Finding,
    HealthReport,
    ProcessFacts,
    Reason,
    Settled,
    Thresholds,
    evaluate,
    find_reasons,
)
from queue_telemetry.metrics import Snapshot
from queue_telemetry.settings import Settings

__all__ = ["Judge", "thresholds_of"]

_SATURATED_FOR_S: Final = 300.0
_MOST_SAMPLES: Final = 300  # evaluations are a second apart or more


class Judge:
    """The evaluations of one process, one each interval, whoever asks first: the ticker, or `health()`.

    Where another process evaluates for all, it follows that one and evaluates nothing.

    The lock guards what an evaluation changes; who finds it taken, a signal handler say, goes by the one before.

    Attributes:
        interval_s: Between two evaluations, seconds.
        settled: What they came to.
        findings: What the last one found.
        utilisation: The share of slots that were in use over the last five minutes; None where there were none so long.
    """

    def __init__(self, clock: Clock) -> None:
        self.interval_s = 5.0
        self.settled = Settled()
        self.findings: Mapping[Reason, Finding] = {}
        self.utilisation: float | None = None
        self._clock = clock
        self._lock = OwnedLock()
        self._due_s = float("-inf")
        self._slot_use: deque[tuple[float, int, int]] = deque(maxlen=_MOST_SAMPLES)  # (when, used, all)
        self._slots_since_s: float | None = None

    def judge(self, snapshot: Snapshot, facts: ProcessFacts, thresholds: Thresholds) -> HealthReport:
        """Return the report of now, with the reasons that hold."""
        now_s = self._clock.monotonic()
        if now_s >= self._due_s:
            self._lock.run(0.0, partial(self._evaluate, snapshot, facts, thresholds, now_s), otherwise=False)
        facts = replace(facts, utilisation=self.utilisation)
        return evaluate(snapshot, facts, thresholds, self.settled.active)

    def follow(self, settled: frozenset[Reason], facts: ProcessFacts) -> None:
        """Go by what another process came to that evaluates for all; be ready to take over from it."""
        self._lock.run(0.0, partial(self._follow, settled, facts), otherwise=False)

    def _follow(self, settled: frozenset[Reason], facts: ProcessFacts) -> bool:
        now_s = self._clock.monotonic()
        self._due_s = now_s + 2 * self.interval_s  # until it is heard of no more
        self._note_slots(facts, now_s)
        self.findings, self.settled = {}, Settled.following(settled)
        return True

    def _note_slots(self, facts: ProcessFacts, now_s: float) -> None:
        self._slot_use.append((now_s, facts.slots_used, facts.slots_total))
        if not facts.slots_total:
            self._slots_since_s = None
        elif self._slots_since_s is None:
            self._slots_since_s = now_s
        self.utilisation = self._mean_slot_use(now_s)

    def _mean_slot_use(self, now_s: float) -> float | None:
        since_s = self._slots_since_s
        if since_s is None or now_s - since_s < _SATURATED_FOR_S:
            return None
        recent = [sample for sample in list(self._slot_use) if now_s - sample[0] <= _SATURATED_FOR_S]
        slots = sum(total for _, _, total in recent)
        return sum(used for _, used, _ in recent) / slots if slots else None

    def _evaluate(
        self, snapshot: Snapshot, facts: ProcessFacts, thresholds: Thresholds, now_s: float
    ) -> bool:
        if now_s < self._due_s:  # another thread was first
            return False
        self._due_s = now_s + self.interval_s
        self._note_slots(facts, now_s)
        facts = replace(facts, utilisation=self.utilisation)
        self.findings = find_reasons(snapshot, facts, thresholds)
        self.settled = self.settled.after(self.findings)
        return True


def thresholds_of(settings: Settings) -> Thresholds:
    """Return from where on something is wrong."""
    return Thresholds(
        heartbeat_max_age_s=settings.health_heartbeat_max_age_s,
        min_workers=settings.health_min_workers,
        failure_ratio=settings.health_failure_ratio,
        failure_min_tasks=settings.health_failure_min_tasks,
        queue_size_max=settings.health_queue_size_max,
        oldest_task_age_max_s=settings.health_oldest_task_age_max_s,
        wait_p95_max_s=settings.health_wait_p95_max_s,
        retry_ratio=settings.health_retry_ratio,
        utilisation_max=settings.health_utilisation_max,
        stuck_task_s=settings.stuck_task_s,
        fail_on=frozenset(map(Reason, settings.health_fail_on)),
    )
