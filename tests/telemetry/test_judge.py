"""Evaluations in a row: what they come to, and what five minutes of slots say."""

from dataclasses import dataclass, replace

import pytest

from queue_telemetry._runtime import Clock
from queue_telemetry.healthcheck import HealthReport, ProcessFacts, Reason, Thresholds
from queue_telemetry.metrics import Snapshot, Stats
from queue_telemetry.settings import Settings
from queue_telemetry.settings._parse import HEALTH_REASONS
from queue_telemetry.telemetry._judge import Judge, thresholds_of

_LIMITS = Thresholds(queue_size_max=10)


@dataclass
class Hand:
    """A clock turned by hand."""

    now_s: float = 1_000.0

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now_s, lambda: self.now_s)


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def judge(hand: Hand) -> Judge:
    return Judge(hand.clock)


@pytest.fixture
def long_queue(hand: Hand) -> Snapshot:
    return replace(Stats(hand.clock).snapshot(), queue_sizes={"mail": 11.0})


@pytest.fixture
def facts() -> ProcessFacts:
    return ProcessFacts(
        collected=True,
        draining=False,
        active_workers=1,
        slots_used=4,
        slots_total=4,
        in_flight=4,
        longest_running_s=None,
        heartbeat_age_s=None,
        configuration_invalid=False,
        telemetry={},
        telemetry_failing=frozenset(),
        now_s=0.0,
        service=None,
        version=None,
    )


def test_questions_between_two_evaluations_change_nothing(
    judge: Judge, hand: Hand, long_queue: Snapshot, facts: ProcessFacts
) -> None:
    for _ in range(10):
        report = judge.judge(long_queue, facts, _LIMITS)
    hand.now_s += 4.9
    assert () == report.reasons == judge.judge(long_queue, facts, _LIMITS).reasons

    hand.now_s += 0.1
    assert (Reason.QUEUE_SIZE,) == judge.judge(long_queue, facts, _LIMITS).reasons


def test_a_handler_inside_an_evaluation_goes_by_the_one_before(
    judge: Judge, long_queue: Snapshot, facts: ProcessFacts
) -> None:
    with judge._lock.held(0.0):
        assert () == judge.judge(long_queue, facts, _LIMITS).reasons

    assert 0 == len(judge.findings)


def _after_minutes(
    judge: Judge, hand: Hand, stats: Snapshot, facts: ProcessFacts, minutes: float
) -> HealthReport:
    for _ in range(int(minutes * 12)):
        judge.judge(stats, facts, _LIMITS)
        hand.now_s += 5
    return judge.judge(stats, facts, _LIMITS)


def test_slots_in_use_for_five_minutes_are_saturation(judge: Judge, hand: Hand, facts: ProcessFacts) -> None:
    quiet = Stats(hand.clock).snapshot()

    before = _after_minutes(judge, hand, quiet, facts, 4.9)
    after = _after_minutes(judge, hand, quiet, facts, 0.3)

    assert ((), (Reason.SATURATION,)) == (before.reasons, after.reasons)
    assert 1.0 == judge.utilisation


def test_a_moment_without_work_is_part_of_the_mean(judge: Judge, hand: Hand, facts: ProcessFacts) -> None:
    quiet = Stats(hand.clock).snapshot()
    idle = replace(facts, slots_used=0)

    for _ in range(40):
        judge.judge(quiet, facts, _LIMITS)
        hand.now_s += 5
        judge.judge(quiet, idle, _LIMITS)
        hand.now_s += 5
    judge.judge(quiet, facts, _LIMITS)

    assert 0.5 == pytest.approx(judge.utilisation, abs=0.02)


def test_without_slots_there_is_no_utilisation(judge: Judge, hand: Hand, facts: ProcessFacts) -> None:
    quiet = Stats(hand.clock).snapshot()
    _after_minutes(judge, hand, quiet, facts, 6)
    hand.now_s += 5

    judge.judge(quiet, replace(facts, slots_used=0, slots_total=0), _LIMITS)

    assert judge.utilisation is None


def test_the_names_of_reasons_in_settings_are_those_of_the_report() -> None:
    assert HEALTH_REASONS == tuple(Reason)


def test_each_threshold_has_its_setting() -> None:
    settings = Settings(
        health_heartbeat_max_age_s=1,
        health_min_workers=2,
        health_failure_ratio=0.3,
        health_failure_min_tasks=4,
        health_queue_size_max=5,
        health_oldest_task_age_max_s=6,
        health_wait_p95_max_s=7,
        health_retry_ratio=0.8,
        health_utilisation_max=0.95,
        stuck_task_s=10,
        health_fail_on="queue_size, SATURATION",
    )

    assert Thresholds(
        1, 2, 0.3, 4, 5, 6, 7, 0.8, 0.95, 10, frozenset({Reason.QUEUE_SIZE, Reason.SATURATION})
    ) == thresholds_of(settings)


def test_the_defaults_of_settings_and_thresholds_are_the_same() -> None:
    assert Thresholds() == thresholds_of(Settings())


def test_it_follows_who_evaluates_for_all_and_counts_no_evaluation_of_its_own(
    judge: Judge, hand: Hand, long_queue: Snapshot, facts: ProcessFacts
) -> None:
    judge.follow(frozenset({Reason.SATURATION}), facts)

    reports = [judge.judge(long_queue, facts, Thresholds(queue_size_max=10)) for _ in range(4)]

    assert {(Reason.SATURATION,)} == {report.reasons for report in reports}
    assert judge.settled.is_conclusive
