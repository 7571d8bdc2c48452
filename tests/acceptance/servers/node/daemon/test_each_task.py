"""A flush at the end of each task, in front of the reference daemon: workers that end without a word lose nothing."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

_SERVER = "npm statsd 0.9.0"

RunApplication = Callable[..., Any]
AssertStored = Callable[..., None]


@pytest.mark.parametrize("workers", [1, 4])
def test_children_that_end_in_os_exit_lose_nothing(
    daemon: Any, run_application: RunApplication, assert_stored: AssertStored, workers: int
) -> None:
    prefix = f"forks{workers}"
    settings = {"statsd_port": daemon.port, "statsd_prefix": prefix}
    plans = [{"children": 200}] * workers
    application = run_application(settings, plans=plans, script="forking.py")

    tasks = 200 * workers
    assert [{"ended_well": 200}] * workers == application.reports
    assert_stored(
        (_SERVER, f"statsd, {workers} x 200 forks"),
        {
            f"counter {prefix}.queue.tasks.started.mail.send": tasks,
            f"counter {prefix}.queue.tasks.completed.mail.send": tasks,
            f"timings {prefix}.queue.task.duration.mail.send.completed": tasks,
        },
        daemon.stored,
    )
