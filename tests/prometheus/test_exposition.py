from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queue_telemetry.metrics import EDGES_S, Histogram, SeriesKey, Summary
from queue_telemetry.prometheus import Scrape
from queue_telemetry.prometheus._exposition import expose
from queue_telemetry.prometheus.families import families

_NOW_S = 5000.0
_MAIL = (("queue", "mail"), ("type", "send"))


Read = Callable[[bytes, bool], dict[tuple[str, frozenset[tuple[str, str]]], float]]


def key(name: str, labels: Mapping[str, str] | None = None) -> SeriesKey:
    labels = labels or {}
    return SeriesKey(name, tuple(labels), tuple(labels.values()))


def test_the_text_is_exact() -> None:
    summary = Summary(
        counters={key("queue.tasks.completed", {"queue": "mail", "type": "send"}): 3, key("mails.sent"): 2.5},
        gauges={key("pool_free", {"zone": 'a"\\\nb'}): 7},
    )

    text, content_type = expose(families(Scrape(summary, _NOW_S)), open_metrics=False)

    assert "text/plain; version=0.0.4; charset=utf-8" == content_type
    assert [
        "# HELP queue_tasks_completed_total Runs that ended well.",
        "# TYPE queue_tasks_completed_total counter",
        'queue_tasks_completed_total{queue="mail",type="send"} 3.0',
        "# HELP pool_free The application's gauge pool_free.",
        "# TYPE pool_free gauge",
        r'pool_free{zone="a\"\\\nb"} 7.0',
        "# HELP mails_sent_total The application's counter mails.sent.",
        "# TYPE mails_sent_total counter",
        "mails_sent_total 2.5",
        "",
    ] == text.decode().split("\n")


def test_open_metrics_is_exact() -> None:
    summary = Summary(histograms={key("render"): Histogram((1,) + (0,) * (len(EDGES_S) - 1) + (2,), 7200.5)})
    text, content_type = expose(families(Scrape(summary, _NOW_S)), open_metrics=True)

    lines = text.decode().splitlines()
    assert "application/openmetrics-text; version=1.0.0; charset=utf-8" == content_type
    assert [
        "# HELP render_seconds The application's timer render.",
        "# TYPE render_seconds histogram",
        "# UNIT render_seconds seconds",
        'render_seconds_bucket{le="0.005"} 1.0',
        'render_seconds_bucket{le="0.01"} 1.0',
    ] == lines[:5]
    assert [
        'render_seconds_bucket{le="3600.0"} 1.0',
        'render_seconds_bucket{le="+Inf"} 3.0',
        "render_seconds_count 3.0",
        "render_seconds_sum 7200.5",
        "# EOF",
    ] == lines[-5:]


@pytest.mark.parametrize("open_metrics", [False, True])
def test_its_own_parser_reads_what_was_counted(scrape: Scrape, read: Read, open_metrics: bool) -> None:
    samples = read(expose(families(scrape), open_metrics=open_metrics)[0], open_metrics)

    plain = {item for item in samples.items() if not item[0][0].endswith("_bucket")}
    assert {
        (("queue_tasks_completed_total", frozenset(_MAIL)), 3),
        (
            (
                "queue_tasks_failed_total",
                frozenset({*_MAIL, ("error_type", "ValueError"), ("reason", "exception")}),
            ),
            1,
        ),
        (("queue_tasks_failed_total", frozenset({*_MAIL, ("reason", "lost")})), 2),
        (("mails_sent_total", frozenset({("provider", "ses")})), 2.5),
        (("queue_task_duration_seconds_count", frozenset({*_MAIL, ("outcome", "completed")})), 3),
        (("queue_task_duration_seconds_sum", frozenset({*_MAIL, ("outcome", "completed")})), 0.06),
        (("render_seconds_count", frozenset()), 1),
        (("render_seconds_sum", frozenset()), 4000),
        (("pool_free", frozenset()), 7),
        (("queue_tasks_in_flight", frozenset(_MAIL)), 2),
        (("queue_size_current", frozenset({("queue", "mail")})), 42),
        (("queue_oldest_task_age_seconds", frozenset({("queue", "mail")})), 3.5),
        (("queue_active_workers", frozenset()), 3),
        (("queue_worker_slots", frozenset({("state", "used")})), 2),
        (("queue_worker_slots", frozenset({("state", "total")})), 12),
    } == plain


def test_buckets_are_cumulative(scrape: Scrape, read: Read) -> None:
    samples = read(expose(families(scrape), open_metrics=True)[0], True)

    def upto(bound: str) -> float:
        return samples[
            "queue_task_duration_seconds_bucket", frozenset({*_MAIL, ("outcome", "completed"), ("le", bound)})
        ]

    assert [2, 2, 2, 3, 3, 3] == [
        upto(bound) for bound in ("0.005", "0.01", "0.025", "0.05", "3600.0", "+Inf")
    ]


_names = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "a",
            "a.b",
            "a_b",
            "a_total",
            "a_count",
            "a_sum",
            "a_bucket",
            "a_seconds",
            "a_created",
            "a_info",
            "le",
            "queue_size_current",
            "queue.tasks.completed",
            "queue_tasks_completed",
            "queue_task_duration_seconds_sum",
        ]
    ),
)
_keys = st.builds(
    lambda name, tags: SeriesKey(name, tuple(tags), tuple(tags.values())),
    _names,
    st.dictionaries(_names, st.text(max_size=8), max_size=3),
)
_histograms = st.builds(
    Histogram,
    st.lists(st.integers(0, 9), min_size=len(EDGES_S) + 1, max_size=len(EDGES_S) + 1).map(tuple),
    st.floats(0, 1e6),
)
_amounts = st.floats(0, 2**53)


@pytest.mark.parametrize("open_metrics", [False, True])
@given(
    counters=st.dictionaries(_keys, _amounts, max_size=6),
    gauges=st.dictionaries(_keys, st.floats(allow_nan=False), max_size=6),
    histograms=st.dictionaries(_keys, _histograms, max_size=3),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_name_or_value_is_too_hostile(
    read: Read,
    open_metrics: bool,
    counters: dict[SeriesKey, float],
    gauges: dict[SeriesKey, float],
    histograms: dict[SeriesKey, Histogram],
) -> None:
    summary = Summary(counters=counters, gauges=gauges, histograms=histograms)

    text, _ = expose(families(Scrape(summary, _NOW_S)), open_metrics=open_metrics)

    samples = read(text, open_metrics)
    counted = [value for (name, _), value in samples.items() if _is_counter(text, name)]
    assert sum(counters.values()) == pytest.approx(sum(counted))


def _is_counter(text: bytes, name: str) -> bool:
    types = (f"# TYPE {one} counter" for one in (name, name.removesuffix("_total")))
    return name.endswith("_total") and not set(text.decode().split("\n")).isdisjoint(types)


def test_nothing_counted_is_an_empty_text(scrape: Scrape) -> None:
    nothing = replace(scrape, summary=Summary(), active_workers=None, slots={})

    assert b"" == expose(families(nothing), open_metrics=False)[0]
    assert b"# EOF\n" == expose(families(nothing), open_metrics=True)[0]
