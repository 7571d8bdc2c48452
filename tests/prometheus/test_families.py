from collections.abc import Mapping
from dataclasses import replace

from queue_telemetry.metrics import CATALOG, EDGES_S, Histogram, Kind, Running, SeriesKey, Summary
from queue_telemetry.prometheus import Scrape
from queue_telemetry.prometheus._names import mark
from queue_telemetry.prometheus.families import Family, families

_NOW_S = 5000.0


def key(name: str, labels: Mapping[str, str] | None = None) -> SeriesKey:
    labels = labels or {}
    return SeriesKey(name, tuple(labels), tuple(labels.values()))


def histogram(counts: Mapping[int, int], sum_s: float) -> Histogram:
    return Histogram(tuple(counts.get(at, 0) for at in range(len(EDGES_S) + 1)), sum_s)


def by_name(summary: Summary) -> dict[str, Family]:
    return {family.name: family for family in families(Scrape(summary, _NOW_S))}


def test_the_catalogs_come_in_its_order_and_then_the_users(scrape: Scrape) -> None:
    assert [
        "queue_tasks_completed",
        "queue_tasks_failed",
        "queue_task_duration_seconds",
        "queue_size_current",
        "queue_oldest_task_age_seconds",
        "queue_active_workers",
        "queue_worker_slots",
        "queue_tasks_in_flight",
        "mails_sent",
        "pool_free",
        "render_seconds",
    ] == sorted((family.name for family in families(scrape)), key=_place)


def _place(name: str) -> tuple[int, str]:
    known = [metric.prometheus_name.removesuffix("_total") for metric in CATALOG.values()]
    return (known.index(name), "") if name in known else (len(known), name)


def test_every_metric_of_the_catalog_has_a_name_of_its_own() -> None:
    names = [metric.prometheus_name for metric in CATALOG.values()]

    assert len(set(names)) == len(names) == len(list(filter(None, names)))
    assert {
        metric.kind is Kind.COUNTER
        for metric in CATALOG.values()
        if metric.prometheus_name.endswith("_total")
    } == {True}


def test_help_is_the_catalogs(scrape: Scrape) -> None:
    found = {family.name: family.help for family in families(scrape)}

    assert "Runs that ended well." == found["queue_tasks_completed"]
    assert "The application's counter mails.sent." == found["mails_sent"]


def test_a_name_with_a_unit_says_it(scrape: Scrape) -> None:
    assert {"queue_task_duration_seconds", "queue_oldest_task_age_seconds", "render_seconds"} == {
        family.name for family in families(scrape) if family.unit == "seconds"
    }


def test_what_was_said_long_ago_is_not_shown(scrape: Scrape) -> None:
    sizes = next(family for family in families(scrape) if family.name == "queue_size_current")

    assert {(("queue", "mail"),): 42} == sizes.values


def test_a_host_without_workers_shows_none() -> None:
    assert [] == families(Scrape(Summary(), _NOW_S))


def test_runs_in_flight_are_shown_by_type() -> None:
    found = by_name(Summary(running={("mail", "send"): Running(2, None), ("mail", "idle"): Running(0, None)}))

    assert {"mail": 2} == {
        dict(labels)["queue"]: value
        for labels, value in found["queue_tasks_in_flight"].values.items()
        if dict(labels)["type"] == "send"
    }


def test_tags_in_another_order_are_the_same_series() -> None:
    """Processes may have met a metric's tags in different orders."""
    one, other = key("sent", {"a": "1", "b": "2"}), key("sent", {"b": "2", "a": "1"})

    found = by_name(
        Summary(
            counters={one: 1, other: 2}, histograms={one: histogram({0: 1}, 1), other: histogram({1: 1}, 2)}
        )
    )

    assert {(("a", "1"), ("b", "2")): 3} == found["sent"].values
    assert [3.0] == [one.sum_s for one in found["sent_seconds"].histograms.values()]


def test_absent_tags_make_the_same_series_as_none() -> None:
    found = by_name(Summary(counters={key("sent", {"a": ""}): 1, key("sent"): 2}))

    assert {(): 3} == found["sent"].values


def test_a_name_of_the_catalog_with_another_kind_is_left_out() -> None:
    """No process of ours says so; a file of one may be damaged."""
    assert {} == by_name(Summary(gauges={key("queue.tasks.completed"): 1}))


def test_names_that_are_alike_once_cleaned_stay_apart() -> None:
    found = by_name(Summary(counters={key("a.b"): 1, key("a_b"): 2, key("a-b"): 3}))

    assert {"a_b", f"a_b{mark('counter a.b')}"} <= found.keys()
    assert [1, 2, 3] == sorted(value for family in found.values() for value in family.values.values())
    assert {(): 2} == found["a_b"].values


def test_one_name_of_several_kinds_stays_apart() -> None:
    """Another process may use a name for something else."""
    found = by_name(
        Summary(
            counters={key("jobs"): 1}, gauges={key("jobs"): 2}, histograms={key("jobs"): histogram({}, 0)}
        )
    )

    assert 3 == len(found)


def test_no_sample_of_the_users_passes_for_another_metrics() -> None:
    summary = Summary(
        counters={key("queue_tasks_completed"): 1, key("render_seconds_count"): 2},
        gauges={
            key("queue_task_duration_seconds_sum"): 3,
            key("mails_total"): 4,
            key("queue_size_current"): 5,
        },
        histograms={key("render"): histogram({}, 0)},
    )
    summary = replace(
        summary, counters={**summary.counters, key("mails"): 6, key("queue.tasks.completed"): 7}
    )

    found = by_name(summary)

    assert 8 == len(found)
    assert {(): 7} == found["queue_tasks_completed"].values


def test_names_do_not_depend_on_the_order() -> None:
    keys = [key("a.b"), key("a_b"), key("a-b"), key("a_b_total")]

    names = {tuple(by_name(Summary(counters=dict.fromkeys(order, 1)))) for order in (keys, keys[::-1])}

    assert 1 == len(names)
