"""Plain names through the reference daemon into a store of Graphite's: a tree of leaves, exact to the last call."""

import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

_HOST = re.sub(r"[^A-Za-z0-9_\-]", "_", socket.gethostname()[:63])

RunApplication = Callable[..., Any]
AssertStored = Callable[..., None]


def test_counters_timings_and_gauges_are_exact_by_path(
    graphite: Any, run_application: RunApplication, assert_stored: AssertStored
) -> None:
    settings = {"statsd_port": graphite.port, "statsd_prefix": "tree", "service": "billing"}
    plan = {"rounds": 20, "tasks": 50, "timings": 200, "mails": 7, "task_tags": {"tier": "free"}}
    application = run_application(settings, plans=[plan])
    workers = f"gauges.tree.queue.active_workers.{_HOST}.0"

    assert_stored(
        (graphite.name, "statsd"),
        {
            "counters.tree.queue.tasks.completed.mail.send.count": 1000,
            "counters.tree.queue.tasks.failed.mail.fail.ValueError.exception.count": 100,
            "counters.tree.mails_sent.ses.count": 140,
            "timers.tree.queue.task.duration.mail.send.completed.count": 1000,
            "timers.tree.render.invoice.count": 4000,
            f"gauges.tree.balance.main.{_HOST}.0": -7.25,
            workers: 1,
        },
        graphite.stored,
    )
    application.end()
    assert_stored((graphite.name, "statsd, closed"), {workers: 0}, graphite.stored)
    assert [] == graphite.refused()
