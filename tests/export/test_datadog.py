import json
import re
from typing import Any

import pytest

from queue_telemetry.export import exported
from queue_telemetry.metrics import CATALOG, Kind
from queue_telemetry.settings import Settings
from queue_telemetry.telemetry._notices import CHECK_NAME

_METRIC = re.compile(r"(sum|max|p95):([\w.]+)\{([^}]*)\}(?: by \{([^}]*)\})?(\.as_count\(\))?")
_ALWAYS = {"service", "host"}  # constant tags, and the Agent's


def monitors(**settings: object) -> list[dict[str, Any]]:
    (file,) = exported(Settings(**settings), "datadog")
    read: list[dict[str, Any]] = json.loads(file.text)
    return read


def queries(**settings: object) -> dict[str, str]:
    return {monitor["name"]: monitor["query"] for monitor in monitors(**settings)}


@pytest.mark.parametrize("query", [query for name, query in queries().items() if "unhealthy" not in name])
def test_a_query_asks_for_what_there_is(query: str) -> None:
    asked = _METRIC.findall(query)
    assert asked
    for _, name, where, by, as_count in asked:
        metric = CATALOG[name.removesuffix("_seconds")]
        assert (metric.kind is Kind.TIMER) == name.endswith("_seconds")
        assert (metric.kind is Kind.COUNTER) == bool(as_count), "what adds up is asked for as a count"
        assert set(re.findall(r"(\w+):", where)) <= {*metric.tags, *_ALWAYS}
        assert set(by.split(",")) <= {*metric.tags, *_ALWAYS}


def test_a_monitor_watches_the_check_that_is_sent() -> None:
    assert f'"{CHECK_NAME}".over("*").by("service","host").last(3).count_by_status()' in queries().values()


def test_a_prefix_is_part_of_every_name() -> None:
    for query in queries(statsd_prefix="billing").values():
        assert {"billing."} == set(re.findall(r"([\w.]*)\bqueue\.", query)), query


@pytest.mark.parametrize(
    ("settings", "query"),
    [
        ({}, "percentile(last_10m):p95:queue.task.wait_seconds{*} by {service,queue} > 42"),
        (
            {"statsd_dialect": "datadog", "statsd_timer_type": "h"},
            "avg(last_10m):max:queue.task.wait_seconds.95percentile{*} by {service,queue} > 42",
        ),
        (
            {"statsd_dialect": "datadog", "statsd_timer_type": "ms"},
            "avg(last_10m):max:queue.task.wait.95percentile{*} by {service,queue} > 42000",
        ),
    ],
    ids=["distribution", "histogram", "milliseconds"],
)
def test_waits_are_asked_for_in_the_unit_that_they_are_sent_in(
    settings: dict[str, object], query: str
) -> None:
    assert query in queries(health_wait_p95_max_s=42, **settings).values()


def test_the_limit_in_the_query_is_the_one_in_the_options() -> None:
    for monitor in monitors():
        if monitor["type"] == "query alert":
            assert f"{monitor['options']['thresholds']['critical']:.15g}" == monitor["query"].split()[-1]


def test_a_monitor_whose_limit_was_turned_off_is_left_out() -> None:
    off = {f"health_{name}": 0 for name in ("min_workers", "failure_ratio", "queue_size_max")}

    assert len(monitors()) - 3 == len(monitors(**off))
