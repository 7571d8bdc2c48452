"""Datadog's own parser in its dialect: counts, gauges and tags arrive as they were, and no line is refused.

Unlike the Agent, this build of it reads one value of a packed line and no sample rate, so that timings are compared
where each stands alone.
"""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

_SERVER = ("datadog-serverless-compat 0.19.0", "datadog")

RunApplication = Callable[..., Any]
AssertStored = Callable[..., None]


def _settings(datadog: Any, prefix: str, **more: object) -> dict[str, object]:
    constant = {"service": "billing", "env": "prod", "tags": {"team": "a"}}
    return {
        "statsd_port": datadog.port,
        "statsd_dialect": "datadog",
        "statsd_prefix": prefix,
        **constant,
        **more,
    }


def _series(name: str, **tags: str) -> str:
    every = {"service": "billing", "env": "prod", "team": "a", **tags}
    return f"{name}|#{','.join(sorted(f'{key}:{value}' for key, value in every.items()))}"


def test_counts_timings_gauges_and_tags_are_exact(
    datadog: Any, run_application: RunApplication, assert_stored: AssertStored
) -> None:
    plan = {"rounds": 40, "tasks": 50, "timings": 1, "mails": 7, "task_tags": {"tier": "free"}}
    run_application(_settings(datadog, "exact"), plans=[plan], inside=datadog.inside)
    send, fail = {"queue": "mail", "type": "send", "tier": "free"}, {"queue": "mail", "type": "fail"}
    error = {"error_type": "ValueError", "reason": "exception"}

    assert_stored(
        _SERVER,
        {
            f"count {_series('exact.queue.tasks.started', **send)}": 2000,
            f"count {_series('exact.queue.tasks.completed', **send)}": 2000,
            f"count {_series('exact.queue.tasks.failed', **fail, **error)}": 200,
            f"count {_series('exact.mails_sent', provider='ses')}": 280,
            f"timings {_series('exact.render_seconds', template='invoice')}": 40,
            f"sum {_series('exact.render_seconds', template='invoice')}": 0.04,
            f"gauge {_series('exact.balance', account='main', slot='0')}": -7.25,
            f"gauge {_series('exact.queue.size', queue='mail')}": 42,
        },
        datadog.stored,
    )
    assert [] == datadog.refused()


def test_four_processes_never_overwrite_one_another_and_end_at_zero(
    datadog: Any, assert_four_processes_keep_theirs: Callable[..., None]
) -> None:
    assert_four_processes_keep_theirs(
        _SERVER,
        datadog.stored,
        _settings(datadog, "four"),
        balances=[f"gauge {_series('four.balance', account='main', slot=str(slot))}" for slot in range(4)],
        workers=[f"gauge {_series('four.queue.active_workers', slot=str(slot))}" for slot in range(4)],
        completed=f"count {_series('four.queue.tasks.completed', queue='mail', type='send')}",
        inside=datadog.inside,
    )
    assert [] == datadog.refused()


def test_no_line_is_refused_whatever_names_and_values_are_given(
    datadog: Any, run_application: RunApplication, assert_stored: AssertStored
) -> None:
    tags = {"tier": "a:b|c#d,e", "ünï": "x\ny", "host": "h"}
    plan = {"rounds": 3, "tasks": 200, "timings": 500, "task_tags": tags}
    settings = _settings(datadog, "clean", statsd_max_samples=64)
    run_application(settings, plans=[plan], inside=datadog.inside)

    claimed = _series("clean.queue.tasks.started", queue="mail", type="fail")
    assert_stored(_SERVER, {f"count {claimed}": 60}, datadog.stored)
    assert [] == datadog.refused()


def test_a_line_that_it_cannot_read_shows(
    start_datadog: Callable[[], Any], send_line: Callable[..., None], until: Callable[..., Any]
) -> None:
    fresh = start_datadog()
    send_line(fresh.port, "wrong.type:1|zz", inside=fresh.inside)

    assert until(fresh.refused)
