"""Many datagrams at once in front of the reference daemon: its receive buffer is the usual one, and nothing is lost."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

_SERVER = "npm statsd 0.9.0"
_TEMPLATES = [f"t{number}" for number in range(10)]

RunApplication = Callable[..., Any]
AssertStored = Callable[..., None]


@pytest.mark.parametrize(
    ("prefix", "more"),
    [("whole", {"statsd_max_samples": 4096}), ("sampled", {})],
    ids=["every sample", "as many samples as by default"],
)
def test_a_large_flush_is_stored_whole(
    daemon: Any,
    run_application: RunApplication,
    assert_stored: AssertStored,
    prefix: str,
    more: dict[str, object],
) -> None:
    settings = {"statsd_port": daemon.port, "statsd_prefix": prefix, **more}
    plan = {"templates": _TEMPLATES, "timings": 4000, "pause_s": 0}
    (report,) = run_application(settings, plans=[plan]).reports

    expected = {f"timings {prefix}.render.{template}": 4000.0 for template in _TEMPLATES}
    assert_stored((_SERVER, "statsd, a large flush"), expected, daemon.stored)
    assert {} == report["dropped"]


def test_flushes_back_to_back_are_stored_whole(
    daemon: Any, run_application: RunApplication, assert_stored: AssertStored
) -> None:
    settings = {"statsd_port": daemon.port, "statsd_prefix": "loop"}
    plan = {"rounds": 500, "tasks": 20, "timings": 100, "mails": 1, "pause_s": 0}
    (report,) = run_application(settings, plans=[plan]).reports

    assert_stored(
        (_SERVER, "statsd, 500 flushes in a row"),
        {
            "counter loop.queue.tasks.completed.mail.send": 10_000,
            "timings loop.queue.task.duration.mail.send.completed": 10_000,
            "timings loop.render.invoice": 50_000,
            "counter loop.mails_sent.ses": 500,
        },
        daemon.stored,
    )
    assert {} == report["dropped"]
