"""The reference daemon in the plain dialect: what the application did is what it stored, to the last call."""

import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]

_SERVER = ("npm statsd 0.9.0", "statsd")
_HOST = re.sub(r"[^A-Za-z0-9_\-]", "_", socket.gethostname()[:63])

RunApplication = Callable[..., Any]
AssertStored = Callable[..., None]


def _settings(daemon: Any, prefix: str, **more: object) -> dict[str, object]:
    return {"statsd_port": daemon.port, "statsd_prefix": prefix, **more}


def test_counters_and_timings_are_exact_after_many_flushes(
    daemon: Any, run_application: RunApplication, assert_stored: AssertStored
) -> None:
    plan = {"rounds": 40, "tasks": 50, "timings": 200, "mails": 7}
    application = run_application(_settings(daemon, "exact"), plans=[plan])

    assert_stored(
        _SERVER,
        {
            "counter exact.queue.tasks.started.mail.send": 2000,
            "counter exact.queue.tasks.completed.mail.send": 2000,
            "counter exact.queue.tasks.started.mail.fail": 200,
            "counter exact.queue.tasks.failed.mail.fail.ValueError.exception": 200,
            "timings exact.queue.task.duration.mail.send.completed": 2000,
            "timings exact.queue.task.duration.mail.fail.failed": 200,
            "counter exact.mails_sent.ses": 280,
            "timings exact.render.invoice": 8000,
            "lowest exact.render.invoice": 1,
            "highest exact.render.invoice": 100,
        },
        daemon.stored,
    )
    (report,) = application.reports
    assert {} == report["dropped"]
    assert report["accepted"] == report["delivered"] + report["pending"]


def test_timing_counts_are_exact_through_sampling(
    daemon: Any, run_application: RunApplication, assert_stored: AssertStored
) -> None:
    run_application(
        _settings(daemon, "sampled", statsd_max_samples=64),
        plans=[{"rounds": 7, "tasks": 333, "timings": 997}],
    )

    assert_stored(
        _SERVER,
        {
            "timings sampled.queue.task.duration.mail.send.completed": 2331,
            "timings sampled.render.invoice": 6979,
        },
        daemon.stored,
    )
    values = daemon.stored()
    assert 1 <= values["lowest sampled.render.invoice"] < values["highest sampled.render.invoice"] <= 100


def test_gauges_are_absolute_even_below_zero_and_end_at_zero(
    daemon: Any, run_application: RunApplication, assert_stored: AssertStored
) -> None:
    application = run_application(_settings(daemon, "gauges"), plans=[{"rounds": 3, "slots": 4}])
    balance, workers = f"gauge gauges.balance.main.{_HOST}.0", f"gauge gauges.queue.active_workers.{_HOST}.0"
    total = f"gauge gauges.queue.worker.slots.total.{_HOST}.0"

    assert_stored(
        _SERVER, {balance: -7.25, workers: 1, total: 4, "gauge gauges.queue.size.mail": 42}, daemon.stored
    )
    application.end()
    assert_stored(
        (_SERVER[0], "statsd, closed"),
        {balance: -7.25, workers: 0, total: 0, "gauge gauges.queue.size.mail": 42},
        daemon.stored,
    )


def test_four_processes_never_overwrite_one_another_and_end_at_zero(
    daemon: Any, assert_four_processes_keep_theirs: Callable[..., None]
) -> None:
    assert_four_processes_keep_theirs(
        _SERVER,
        daemon.stored,
        _settings(daemon, "four"),
        balances=[f"gauge four.balance.main.{_HOST}.{slot}" for slot in range(4)],
        workers=[f"gauge four.queue.active_workers.{_HOST}.{slot}" for slot in range(4)],
        completed="counter four.queue.tasks.completed.mail.send",
    )


def test_no_line_is_refused(
    daemon: Any, run_application: RunApplication, assert_stored: AssertStored
) -> None:
    """Names, tags and values that users may have, whatever is in them."""
    tags = {"tier": "a:b|c#d", "ünï": "x\ny"}
    settings = _settings(daemon, "clean", service="a b:c|d", tags=tags)
    run_application(settings, plans=[{"rounds": 2, "tasks": 10, "timings": 10, "task_tags": tags}])

    assert_stored(
        _SERVER,
        {"counter clean.queue.tasks.completed.mail.send": 20, "counter statsd.bad_lines_seen": 0},
        daemon.stored,
    )
    assert [] == daemon.refused()


def test_a_line_that_it_cannot_read_shows(
    start_plain_daemon: Callable[[str], Any], send_line: Callable[..., None], until: Callable[..., Any]
) -> None:
    fresh = start_plain_daemon("statsd-fresh")
    send_line(fresh.port, "wrong.value:nan|g")

    assert until(fresh.refused)
    assert until(lambda: fresh.stored().get("counter statsd.bad_lines_seen") == 1)
