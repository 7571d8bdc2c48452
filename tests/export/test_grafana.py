import json
from collections.abc import Callable, Iterator
from typing import Any

from queue_telemetry.export import exported
from queue_telemetry.metrics import CATALOG, Owner
from queue_telemetry.settings import Settings


def dashboard(**settings: object) -> dict[str, Any]:
    (file,) = exported(Settings(**settings), "grafana")
    read: dict[str, Any] = json.loads(file.text)
    return read


def panels(**settings: object) -> list[dict[str, Any]]:
    return [panel for panel in dashboard(**settings)["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    return (target["expr"] for panel in panels() for target in panel["targets"])


def test_every_query_asks_for_what_there_is(assert_asks_for_what_there_is: Callable[[str], None]) -> None:
    for expr in expressions():
        assert_asks_for_what_there_is(expr)


def test_every_metric_of_the_catalog_is_shown() -> None:
    together = "\n".join(expressions())

    assert [] == [name for name, metric in CATALOG.items() if metric.prometheus_name not in together]


def test_what_several_hosts_know_is_not_added_up_over_them() -> None:
    shared = [metric.prometheus_name for metric in CATALOG.values() if metric.owner is Owner.SHARED]
    asking = [expr for expr in expressions() if any(name in expr for name in shared)]

    assert asking
    assert [] == [expr for expr in asking if "max" not in expr.partition("queue_")[0]]


def test_every_query_follows_the_variables_that_its_metrics_have() -> None:
    assert [] == [expr for expr in expressions() if 'job=~"$job"' not in expr]
    assert {"datasource", "job", "queue", "type"} == {
        one["name"] for one in dashboard()["templating"]["list"]
    }


def test_no_two_panels_are_in_each_others_way() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_numbers_of_panels_and_queries_are_their_own() -> None:
    numbers = [panel["id"] for panel in dashboard()["panels"]]

    assert len(numbers) == len(set(numbers))
    for panel in panels():
        letters = [target["refId"] for target in panel["targets"]]
        assert len(letters) == len(set(letters))


def test_red_begins_at_the_settings_limit() -> None:
    limits = {
        panel["title"]: [
            step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]
        ]
        for panel in panels(health_queue_size_max=42, health_failure_ratio=0)
    }

    assert ([42], [], [0.5]) == (
        limits["Waiting"],
        limits["Failures, share of runs"],
        limits["Retries, share of runs"],
    )
