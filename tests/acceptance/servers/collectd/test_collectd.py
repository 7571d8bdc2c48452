"""collectd, the strictest reader of plain lines: nothing is refused or cut, and what it stored is what was done."""

import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]

_SERVER = ("collectd 5.12", "statsd")
_HOST = re.sub(r"[^A-Za-z0-9_\-]", "_", socket.gethostname()[:63])

RunApplication = Callable[..., Any]
AssertStored = Callable[..., None]


def _settings(collectd: Any, prefix: str, **more: object) -> dict[str, object]:
    return {"statsd_port": collectd.port, "statsd_prefix": prefix, **more}


def test_everything_is_exact_and_no_line_is_refused(
    collectd: Any, run_application: RunApplication, assert_stored: AssertStored
) -> None:
    tags = {"tier": "a:b|c#d", "ünï": "x\ny"}
    plan = {"rounds": 20, "tasks": 50, "timings": 200, "mails": 7, "task_tags": tags}
    run_application(_settings(collectd, "exact", tags=tags, service="a b:c|d"), plans=[plan])

    assert_stored(
        _SERVER,
        {
            "counter exact.queue.tasks.started.mail.send": 1000,
            "counter exact.queue.tasks.completed.mail.send": 1000,
            "counter exact.queue.tasks.failed.mail.fail.ValueError.exception": 100,
            "counter exact.mails_sent.ses": 140,
            "timings exact.render.invoice": 4000,  # it counts none below a millisecond, so no task's duration here
            "lowest exact.render.invoice": 0.001,
            "highest exact.render.invoice": 0.1,
            f"gauge exact.balance.main.{_HOST}.0": -7.25,
            "gauge exact.queue.size.mail": 42,
        },
        collectd.stored,
    )
    assert [] == collectd.refused()


def test_four_processes_never_overwrite_one_another_and_end_at_zero(
    collectd: Any, assert_four_processes_keep_theirs: Callable[..., None]
) -> None:
    assert_four_processes_keep_theirs(
        _SERVER,
        collectd.stored,
        _settings(collectd, "four"),
        balances=[f"gauge four.balance.main.{_HOST}.{slot}" for slot in range(4)],
        workers=[f"gauge four.queue.active_workers.{_HOST}.{slot}" for slot in range(4)],
        completed="counter four.queue.tasks.completed.mail.send",
    )
    assert [] == collectd.refused()


def test_a_line_that_it_cannot_read_shows(
    start_collectd: Callable[[], Any], send_line: Callable[..., None], until: Callable[..., Any]
) -> None:
    fresh = start_collectd()
    send_line(fresh.port, "wrong.tags:1|c|#queue:mail")

    assert until(fresh.refused)
