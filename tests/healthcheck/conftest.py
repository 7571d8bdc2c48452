import pytest

from queue_telemetry.healthcheck import HealthReport, ProcessFacts, Thresholds, evaluate
from queue_telemetry.metrics.errors import ErrorGroup
from queue_telemetry.metrics.snapshot import Snapshot, TypePerformance
from queue_telemetry.metrics.tallies import SeriesKey


@pytest.fixture
def quiet() -> Snapshot:
    """The stats of a process in which nothing happened."""
    return Snapshot(
        completed_1h=0,
        failed_1h=0,
        retried_1h=0,
        attempts_1h=0,
        avg_duration_s=None,
        p50_duration_s=None,
        p95_duration_s=None,
        p99_duration_s=None,
        p95_wait_s=None,
        counters={},
        queue_sizes={},
        oldest_ages_s={},
        errors=(),
    )


@pytest.fixture
def busy() -> Snapshot:
    """The stats of a process with a full hour behind it."""
    return Snapshot(
        completed_1h=812,
        failed_1h=2,
        retried_1h=9,
        attempts_1h=823,
        avg_duration_s=1.5,
        p50_duration_s=1.1,
        p95_duration_s=4.2,
        p99_duration_s=6.0,
        p95_wait_s=0.8,
        counters={SeriesKey("queue.tasks.completed", ("queue", "type"), ("mail", "cleanup_runs")): 9000},
        queue_sizes={"mail": 40.0, "bulk": 2.0},
        oldest_ages_s={"mail": 3.1, "bulk": 0.5},
        errors=(
            ErrorGroup(
                fingerprint="9f2c44e1ab3d5566",
                type="ValueError",
                task_type="cleanup_runs",
                count=2,
                first_seen_s=1_762_337_000.5,
                last_seen_s=1_762_337_700.0,
                sample="bad row N",
            ),
        ),
        performance=(
            TypePerformance(
                queue="maintenance",
                type="cleanup_runs",
                count=814,
                failed=2,
                retried=9,
                rate_per_s=814 / 3600,
                avg_duration_s=1.5,
                p50_duration_s=1.1,
                p95_duration_s=4.2,
                p99_duration_s=6.0,
                avg_wait_s=0.3,
                p95_wait_s=0.8,
                in_flight=2,
                longest_running_s=None,
            ),
        ),
    )


@pytest.fixture
def facts() -> ProcessFacts:
    """A process that runs two of three workers' tasks."""
    return ProcessFacts(
        collected=True,
        draining=False,
        active_workers=3,
        slots_used=2,
        slots_total=12,
        in_flight=2,
        longest_running_s=0.4,
        heartbeat_age_s=1.0,
        configuration_invalid=False,
        telemetry={"statsd": {"delivered": 7, "dropped": {"refused": 1}, "target": "10.0.0.7:8125"}},
        telemetry_failing=frozenset(),
        now_s=1_762_337_730.123456,
        service="billing",
        version="1.2.3",
    )


@pytest.fixture
def report(busy: Snapshot, facts: ProcessFacts) -> HealthReport:
    """The report of a healthy process."""
    return evaluate(busy, facts, Thresholds())
