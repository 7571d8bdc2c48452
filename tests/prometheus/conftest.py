"""Scrapes, and `prometheus_client`'s own parsers to read what is written of them."""

from collections.abc import Callable, Iterable, Mapping

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open_metrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from queue_telemetry.metrics import EDGES_S, Histogram, Reading, Running, SeriesKey, Summary
from queue_telemetry.prometheus import Scrape

Key = tuple[str, frozenset[tuple[str, str]]]
Read = Callable[[bytes, bool], dict[Key, float]]

NOW_S = 5000.0


@pytest.fixture
def read() -> Read:
    """Read a text back, as samples by name and labels; nothing may come twice."""

    def samples(text: bytes, open_metrics: bool) -> dict[Key, float]:
        parse: Callable[[str], Iterable[Metric]] = parse_open_metrics if open_metrics else parse_text
        found: dict[Key, float] = {}
        for family in parse(text.decode()):
            for sample in family.samples:
                key = sample.name, frozenset(sample.labels.items())
                assert key not in found
                found[key] = sample.value
        return found

    return samples


def key(name: str, labels: Mapping[str, str] | None = None) -> SeriesKey:
    """Return the key of a series."""
    labels = labels or {}
    return SeriesKey(name, tuple(labels), tuple(labels.values()))


def histogram(counts: Mapping[int, int], sum_s: float) -> Histogram:
    """Return a histogram with these counts by bucket."""
    return Histogram(tuple(counts.get(at, 0) for at in range(len(EDGES_S) + 1)), sum_s)


@pytest.fixture
def scrape() -> Scrape:
    """What a host with one queue shows."""
    on_mail = {"queue": "mail", "type": "send"}
    failed = {**on_mail, "error_type": "ValueError", "reason": "exception"}
    return Scrape(
        Summary(
            started_s=1.0,
            counters={
                key("queue.tasks.completed", on_mail): 3,
                key("queue.tasks.failed", failed): 1,
                key("queue.tasks.failed", {**on_mail, "error_type": "", "reason": "lost"}): 2,
                key("mails.sent", {"provider": "ses"}): 2.5,
            },
            histograms={
                key("queue.task.duration", {**on_mail, "outcome": "completed"}): histogram(
                    {0: 2, 3: 1}, 0.06
                ),
                key("render"): histogram({18: 1}, 4000.0),
            },
            gauges={key("pool_free"): 7},
            running={("mail", "send"): Running(2, None)},
            sizes={"mail": Reading(NOW_S - 1, 42), "gone": Reading(NOW_S - 1000, 1)},
            oldest_ages_s={"mail": Reading(NOW_S - 1, 3.5)},
        ),
        NOW_S,
        active_workers=3,
        slots={"used": 2, "total": 12},
    )
