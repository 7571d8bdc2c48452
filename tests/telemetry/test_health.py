"""Health through a real instance: its keys, its verdicts, its probes."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry.healthcheck import HealthReport
from queue_telemetry.telemetry import Telemetry
from queue_telemetry.testing import Collector, StatsdServer, capture

MakeTelemetry = Callable[..., Telemetry]

_KEYS = [
    "status",
    "queue_size",
    "active_workers",
    "failed_tasks_1h",
    "avg_task_duration",
    "live",
    "ready",
    "draining",
    "reasons",
    "in_flight",
    "slots",
    "completed_1h",
    "retried_1h",
    "p50_task_duration",
    "p95_task_duration",
    "p99_task_duration",
    "p95_task_wait",
    "oldest_task_age",
    "longest_running",
    "stale_probes",
    "errors",
    "performance",
    "telemetry",
    "processes",
    "window_s",
    "observed_at",
    "service",
    "version",
]
_ERROR_KEYS = ["fingerprint", "type", "task_type", "count", "first_seen", "last_seen", "sample"]


def _fail(telemetry: Telemetry, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(ValueError, match="boom"), telemetry.run("work"):
            raise ValueError("boom")


def _settled(telemetry: Telemetry) -> HealthReport:
    """Have two evaluations look at what there is, and return what they came to."""
    for _ in range(2):
        telemetry._vigil.judge._due_s = 0
        report = telemetry.health()
    return report


def test_the_keys_and_their_order_are_the_specifications(telemetry: Telemetry) -> None:
    _fail(telemetry)

    report: dict[str, Any] = telemetry.health().as_dict()

    assert _KEYS == list(report)
    assert ["used", "total"] == list(report["slots"])
    assert _ERROR_KEYS == list(report["errors"][0])
    assert {"statsd", "logs"} <= set(report["telemetry"])


def test_a_process_in_which_nothing_happened_is_healthy_and_claims_to_know_nothing(
    telemetry: Telemetry,
) -> None:
    report = telemetry.health()

    assert ("healthy", True, True, ()) == (report.status, report.live, report.ready, report.reasons)
    assert (0, 0, 0, 0) == (report.failed_tasks_1h, report.completed_1h, report.retried_1h, report.in_flight)
    unknown = (report.queue_size, report.active_workers, report.avg_task_duration, report.oldest_task_age)
    assert (None,) * 4 == unknown


def test_it_tells_what_was_done(make_telemetry: MakeTelemetry) -> None:
    telemetry = make_telemetry(service="billing", version="1.2.3")
    with telemetry.worker("w1", slots=4):
        for _ in range(3):
            with telemetry.run("work"):
                pass
        with telemetry.run("work") as run:
            run.retry()
        _fail(telemetry)
        telemetry.queue_size("mail").set(40)
        telemetry.queue_size("bulk").set(2)
        telemetry.oldest_task_age("mail").set(3.5)
        running = telemetry.run("work").start()
        report = telemetry.health()
        running.finish()

    assert (3, 1, 1) == (report.completed_1h, report.failed_tasks_1h, report.retried_1h)
    assert (42, 3.5) == (report.queue_size, report.oldest_task_age)
    assert (1, 1, 1, 4) == (report.active_workers, report.in_flight, report.slots.used, report.slots.total)
    assert [("ValueError", "work", 1)] == [(e.type, e.task_type, e.count) for e in report.errors]
    assert ("billing", "1.2.3", 1) == (report.service, report.version, report.processes)


def test_it_is_starting_until_the_first_collection(telemetry: Telemetry) -> None:
    """Such as for a signal handler that asks in the middle of the first event's start."""
    with telemetry._waking.held(0.0):
        report = telemetry.health()

    assert ("starting", True, False) == (report.status, report.live, report.ready)
    assert "healthy" == telemetry.health().status


def test_asked_in_the_middle_of_a_collection_it_tells_what_was_known_before(telemetry: Telemetry) -> None:
    with telemetry.run("work"):
        pass
    telemetry.health()
    reports = []
    telemetry._registry.add_source(lambda _: reports.append(telemetry.health()))
    with telemetry.run("work"):
        pass
    began_s = time.monotonic()

    assert 2 == telemetry.health().completed_1h
    assert 1 == reports[0].completed_1h
    assert time.monotonic() - began_s < 0.9  # it waits for nothing


def test_many_failures_degrade_it_once_two_evaluations_found_them_and_leave_it_ready(
    make_telemetry: MakeTelemetry,
) -> None:
    telemetry = make_telemetry(health_failure_min_tasks=4, health_failure_ratio=0.5)
    _fail(telemetry, 4)

    report = _settled(telemetry)

    assert ("degraded", ("failure_ratio",), True, 200) == (
        report.status,
        report.reasons,
        report.ready,
        report.http_status,
    )


def test_it_tells_others_what_holds_once_it_evaluated_often_enough(telemetry: Telemetry) -> None:
    """Till then the probe command goes by those who did: a job's own process is seldom old enough."""
    told = []
    for _ in range(3):
        told.append(telemetry._present().settled)
        telemetry._vigil.judge._due_s = 0.0
        telemetry.health()

    assert [None, None, frozenset()] == told


def test_what_it_is_told_to_fail_on_makes_it_unhealthy(make_telemetry: MakeTelemetry) -> None:
    telemetry = make_telemetry(health_queue_size_max=10, health_fail_on="queue_size")
    telemetry.queue_size("mail").set(11)

    assert ("unhealthy", False) == (_settled(telemetry).status, telemetry.ready())


def test_a_test_of_the_users_sees_it_at_once(telemetry: Telemetry) -> None:
    with capture(telemetry):
        _fail(telemetry, 20)

        assert "degraded" == telemetry.health().status


def test_too_few_workers_make_it_unhealthy(make_telemetry: MakeTelemetry) -> None:
    telemetry = make_telemetry(health_min_workers=1)

    with telemetry.worker("w1"):
        with_one = telemetry.health()
    without = telemetry.health()

    assert ("healthy", True) == (with_one.status, with_one.ready)
    assert ("unhealthy", True, False, 503) == (
        without.status,
        without.live,
        without.ready,
        without.http_status,
    )


def test_a_stale_heartbeat_is_the_end_of_liveness(make_telemetry: MakeTelemetry) -> None:
    telemetry = make_telemetry(health_heartbeat_max_age_s=30)

    with telemetry.worker("w1") as worker:
        worker.beat()
        fresh = telemetry.live()
        worker.last_beat_s = time.monotonic() - 31
        stale = telemetry.health()

    assert fresh
    assert ("unhealthy", False, ("heartbeat_stale",)) == (stale.status, stale.live, stale.reasons)


def test_drain_takes_readiness_and_leaves_liveness(telemetry: Telemetry) -> None:
    before = (telemetry.ready(), telemetry.live())
    telemetry.drain()

    report = telemetry.health()

    assert (True, True) == before
    assert ("draining", True, False, True) == (report.status, report.live, report.ready, report.draining)


@pytest.mark.parametrize(
    ("told", "status"),
    [({"statsd_host": "127.0.0.1"}, "degraded"), ({}, "healthy")],
    ids=["a host was set", "the default"],
)
def test_metrics_that_are_lost_degrade_it_only_when_a_host_was_set(
    make_telemetry: MakeTelemetry, settings: dict[str, object], told: dict[str, str], status: str
) -> None:
    """A developer's machine without an agent is well."""
    with StatsdServer() as closed:
        pass
    settings.pop("statsd_host")
    telemetry = make_telemetry(**told, statsd_port=closed.port)

    for _ in range(3):  # the refusal of one datagram is heard of at the next
        telemetry.counter("mails").increment()
        telemetry.flush()
    report = telemetry.health()

    assert report.telemetry["statsd"]["dropped"]
    assert status == report.status


def test_a_host_without_an_address_degrades_it(make_telemetry: MakeTelemetry) -> None:
    telemetry = make_telemetry(statsd_host="nowhere.invalid")
    telemetry.counter("mails").increment()
    telemetry.flush(10.0)  # waits for the first answer of DNS

    report = telemetry.health()
    assert ("degraded", ["telemetry_failing"]) == (report.status, list(report.reasons))


def test_records_that_are_refused_degrade_it(telemetry: Telemetry, collector: Collector) -> None:
    collector.answer(*[400] * 5)  # the batch, and more than all its parts
    telemetry.run("work").start().finish()
    telemetry.flush()

    report = telemetry.health()

    assert ("degraded", ("telemetry_failing",), True) == (report.status, report.reasons, report.ready)


def test_the_law_of_accounting_holds_at_any_moment(telemetry: Telemetry) -> None:
    telemetry.configure(statsd_host="127.0.0.1", statsd_port=9, log_url="http://127.0.0.1:9/")
    for _ in range(50):
        telemetry.run("work").start().finish()
        telemetry.counter("mails").increment(float("nan"))
        report: dict[str, Any] = telemetry.health().as_dict()
        for delivery in (report["telemetry"]["statsd"], report["telemetry"]["logs"]):
            dropped = sum(delivery["dropped"].values())
            assert delivery["accepted"] == delivery["delivered"] + dropped + delivery["pending"]


def test_the_wsgi_application_answers_for_this_instance(telemetry: Telemetry) -> None:
    statuses: list[str] = []

    def start_response(status: str, *_: object) -> Callable[[bytes], object]:
        statuses.append(status)
        return lambda _: None

    def ask(path: str) -> bytes:
        return b"".join(telemetry.wsgi_app({"PATH_INFO": path, "REQUEST_METHOD": "GET"}, start_response))

    ask("/readyz")
    telemetry.drain()
    ask("/readyz")
    ask("/livez")

    assert ["200", "503", "200"] == [status[:3] for status in statuses]


def test_it_may_be_asked_inside_a_running_loop(telemetry: Telemetry) -> None:
    async def ask() -> str:
        return telemetry.health().status

    assert "healthy" == asyncio.run(ask())
