"""The mapping, read as statsd_exporter reads it, makes of what is sent what `/metrics` shows."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from queue_telemetry.metrics import CATALOG, EDGES_S, Kind, Metric, Owner, Series
from queue_telemetry.statsd import DIALECTS
from queue_telemetry.statsd._naming import SeriesNames

Texts = Callable[..., dict[str, str]]


def mappings(texts: Texts, **settings: object) -> list[dict[str, Any]]:
    (text,) = texts("statsd-exporter", **settings).values()
    read: list[dict[str, Any]] = yaml.safe_load(text)["mappings"]
    return read


def mapped(mappings: list[dict[str, Any]], name: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Return the first mapping whose `*` each stand for one part of a name, with its `$n` filled in."""
    for mapping in mappings:
        pattern = re.escape(mapping["match"]).replace(r"\*", "([^.]*)")
        found = re.fullmatch(pattern, name)
        if found:
            labels = {
                label: found.group(int(value.removeprefix("$")))
                for label, value in mapping.get("labels", {}).items()
            }
            return mapping["name"], labels, mapping
    pytest.fail(f"nothing matches {name}")


@pytest.mark.parametrize("prefix", [None, "apps.billing"])
@pytest.mark.parametrize("metric", CATALOG.values(), ids=CATALOG)
def test_what_is_sent_gets_the_name_and_labels_of_what_is_scraped(
    metric: Metric, prefix: str | None, texts: Texts
) -> None:
    names = SeriesNames(DIALECTS["statsd"], prefix or "", {}, timer_type="ms", host="h1", slot=3)
    values = tuple(f"{tag}-value" for tag in metric.tags)
    rendered = names[Series(metric, values)]
    assert rendered is not None

    name, labels, mapping = mapped(mappings(texts, statsd_prefix=prefix), rendered.name)

    owner = {"host": "h1", "slot": "3"} if metric.owner is Owner.PROCESS else {}
    assert (metric.prometheus_name, {**dict(zip(metric.tags, values, strict=True)), **owner}) == (
        name,
        labels,
    )
    kinds = {Kind.COUNTER: "counter", Kind.GAUGE: "gauge", Kind.TIMER: "observer"}
    assert kinds[metric.kind] == mapping["match_metric_type"]
    if metric.kind is Kind.TIMER:
        assert list(EDGES_S) == mapping["histogram_options"]["buckets"]


def test_gauges_of_the_dead_go_away(texts: Texts) -> None:
    assert {True} == {("ttl" in one) == (one["match_metric_type"] == "gauge") for one in mappings(texts)}
