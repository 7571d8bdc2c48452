"""Graphite's tags through the reference daemon into a store: each series is found again by its tags, and exact."""

import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

_HOST = re.sub(r"[^A-Za-z0-9_.\-]", "_", socket.gethostname()[:63])

RunApplication = Callable[..., Any]
AssertStored = Callable[..., None]


def _settings(graphite: Any, prefix: str, **more: object) -> dict[str, object]:
    constant = {"service": "billing", "env": "prod", "version": "1.2.3", "tags": {"team": "a"}}
    return {
        "statsd_port": graphite.port,
        "statsd_dialect": "graphite",
        "statsd_prefix": prefix,
        **constant,
        **more,
    }


def _series(name: str, **tags: str) -> str:
    every = {"service": "billing", "env": "prod", "team": "a", **tags}
    return ";".join([name, *sorted(f"{key}={value}" for key, value in every.items())])


def test_everything_is_exact_by_name_and_tags(
    graphite: Any, run_application: RunApplication, assert_stored: AssertStored
) -> None:
    plan = {"rounds": 40, "tasks": 50, "timings": 200, "mails": 7, "slots": 4, "task_tags": {"tier": "free"}}
    run_application(_settings(graphite, "exact"), plans=[plan])
    send, fail = {"queue": "mail", "type": "send", "tier": "free"}, {"queue": "mail", "type": "fail"}
    error, own = {"error_type": "ValueError", "reason": "exception"}, {"host": _HOST, "slot": "0"}

    assert_stored(
        (graphite.name, "graphite"),
        {
            _series("counters.exact.queue.tasks.started.count", **send): 2000,
            _series("counters.exact.queue.tasks.completed.count", **send): 2000,
            _series("counters.exact.queue.tasks.failed.count", **fail, **error): 200,
            _series("counters.exact.mails_sent.count", provider="ses"): 280,
            _series("timers.exact.queue.task.duration.count", **send, outcome="completed"): 2000,
            _series("timers.exact.render.count", template="invoice"): 8000,
            _series("gauges.exact.balance", account="main", **own): -7.25,
            _series("gauges.exact.queue.active_workers", **own): 1,
            _series("gauges.exact.queue.worker.slots", state="total", **own): 4,
            _series("gauges.exact.queue.size", queue="mail"): 42,
        },
        graphite.stored,
    )


def test_a_series_is_found_by_its_tags_alone(
    graphite: Any, run_application: RunApplication, assert_stored: AssertStored
) -> None:
    plan = {"tasks": 30, "mails": 7, "task_tags": {"tier": "gold"}}
    run_application(_settings(graphite, "found", tags={"team": "b"}), plans=[plan])
    send = {"queue": "mail", "type": "send", "tier": "gold", "team": "b"}

    assert_stored(
        (graphite.name, "graphite, by team and outcome"),
        {_series("timers.found.queue.task.duration.count", **send, outcome="completed"): 30},
        lambda: graphite.stored(team="b", tier="gold", outcome="completed"),
    )
    assert_stored(
        (graphite.name, "graphite, by team and provider"),
        {_series("counters.found.mails_sent.count", provider="ses", team="b"): 7},
        lambda: graphite.stored(team="b", provider="ses"),
    )


def test_timing_counts_are_exact_through_sampling(
    graphite: Any, run_application: RunApplication, assert_stored: AssertStored
) -> None:
    plan = {"rounds": 7, "tasks": 333, "timings": 997}
    run_application(_settings(graphite, "sampled", statsd_max_samples=64), plans=[plan])
    send = {"queue": "mail", "type": "send", "outcome": "completed"}

    assert_stored(
        (graphite.name, "graphite, sampled"),
        {
            _series("timers.sampled.queue.task.duration.count", **send): 2331,
            _series("timers.sampled.render.count", template="invoice"): 6979,
        },
        graphite.stored,
    )


def test_four_processes_never_overwrite_one_another_and_end_at_zero(
    graphite: Any, assert_four_processes_keep_theirs: Callable[..., None]
) -> None:
    owners = [{"host": _HOST, "slot": str(slot)} for slot in range(4)]
    assert_four_processes_keep_theirs(
        (graphite.name, "graphite"),
        graphite.stored,
        _settings(graphite, "four"),
        balances=[_series("gauges.four.balance", account="main", **own) for own in owners],
        workers=[_series("gauges.four.queue.active_workers", **own) for own in owners],
        completed=_series("counters.four.queue.tasks.completed.count", queue="mail", type="send"),
    )


def test_no_line_is_refused_whatever_names_and_values_are_given(
    graphite: Any, run_application: RunApplication, assert_stored: AssertStored
) -> None:
    tags = {"tier": "~a:b|c#d;e=f", "ünï": "x\ny", "name": "n", "host": "h"}
    plan = {"rounds": 2, "tasks": 10, "timings": 10, "task_tags": tags}
    run_application(_settings(graphite, "clean", tags={**tags, "team": "a"}), plans=[plan])

    def stored() -> dict[str, float]:
        values = graphite.stored()
        started = [value for key, value in values.items() if "clean.queue.tasks.started.count" in key]
        return {**values, "counters.clean.queue.tasks.started of all tags": sum(started)}

    expected = {
        "counters.clean.queue.tasks.started of all tags": 22,
        "counters.statsd.bad_lines_seen.count": 0,
    }
    assert_stored((graphite.name, "graphite"), expected, stored)
    assert [] == graphite.refused()


@pytest.mark.parametrize("store", ["victoria_metrics", "graphite_web"])
def test_a_line_that_a_store_cannot_read_shows(
    store: str, request: pytest.FixtureRequest, send_line: Callable[..., None], until: Callable[..., Any]
) -> None:
    fresh = request.getfixturevalue(store)()
    send_line(fresh.line_port, "wrong.value notanumber 1\n")

    assert until(fresh.refused)


def test_a_tag_that_graphite_cannot_index_shows(
    start_graphite: Callable[[str], Any], send_line: Callable[..., None], until: Callable[..., Any]
) -> None:
    """The daemon lets a tag without a value pass; carbon and graphite-web then leave a whole batch without tags."""
    fresh = start_graphite("graphite_web")
    send_line(fresh.port, "wrong.tag;bare:1|c")

    assert until(fresh.refused)
