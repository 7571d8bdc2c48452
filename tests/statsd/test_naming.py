from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queue_telemetry.metrics import CATALOG, OTHER, Kind, Metric, Owner, Series
from queue_telemetry.statsd import DIALECTS
from queue_telemetry.statsd._naming import Rendered, SeriesNames, clean_constant_tags

COMPLETED = CATALOG["queue.tasks.completed"]
DURATION = CATALOG["queue.task.duration"]
IN_FLIGHT = CATALOG["queue.tasks.in_flight"]
QUEUE_SIZE = CATALOG["queue.size"]


def names(
    dialect: str = "statsd", prefix: str = "app", timer_type: str = "", slot: int | None = 2, **tags: str
) -> SeriesNames:
    chosen = DIALECTS[dialect]
    return SeriesNames(
        chosen,
        prefix,
        clean_constant_tags(tags, chosen),
        timer_type=timer_type or chosen.default_timer_type,
        host="web-1.example.org",
        slot=slot,
    )


@pytest.mark.parametrize(
    ("series", "name"),
    [
        (Series(COMPLETED, ("mail", "send")), "app.queue.tasks.completed.mail.send"),
        (Series(COMPLETED, ("", "send")), "app.queue.tasks.completed.none.send"),
        (Series(COMPLETED, ("a.b", "c/d")), "app.queue.tasks.completed.a_b.c_d"),
        (Series(DURATION, ("mail", "send", "completed")), "app.queue.task.duration.mail.send.completed"),
        (Series(QUEUE_SIZE, ("mail",)), "app.queue.size.mail"),
        (Series(IN_FLIGHT, ("mail", "send")), "app.queue.tasks.in_flight.mail.send.web-1_example_org.2"),
    ],
)
def test_plain_name_holds_the_values(series: Series, name: str) -> None:
    assert names()[series] == Rendered(name, "")


@pytest.mark.parametrize(
    ("series", "rendered"),
    [
        (Series(COMPLETED, ("mail", "")), ("app.queue.tasks.completed", "|#env:prod,queue:mail")),
        (
            Series(COMPLETED, ("mail", "send"), (("tier", "free"),)),
            ("app.queue.tasks.completed", "|#env:prod,queue:mail,type:send,tier:free"),
        ),
        (Series(DURATION, ("mail", "", "")), ("app.queue.task.duration_seconds", "|#env:prod,queue:mail")),
        (Series(QUEUE_SIZE, ("mail",)), ("app.queue.size", "|#env:prod,queue:mail")),
        (Series(IN_FLIGHT, ("mail", "")), ("app.queue.tasks.in_flight", "|#env:prod,queue:mail,slot:2")),
    ],
)
def test_datadog_name_is_the_metrics_and_values_are_tags(series: Series, rendered: tuple[str, str]) -> None:
    assert names("datadog", env="prod")[series] == rendered


@pytest.mark.parametrize(
    ("series", "name"),
    [
        (Series(COMPLETED, ("mail", "")), "app.queue.tasks.completed;env=prod;queue=mail"),
        (
            Series(COMPLETED, ("a.b", "c/d"), (("tier", "free"),)),
            "app.queue.tasks.completed;env=prod;queue=a.b;tier=free;type=c_d",
        ),
        (Series(DURATION, ("mail", "", "")), "app.queue.task.duration;env=prod;queue=mail"),
        (
            Series(IN_FLIGHT, ("mail", "")),
            "app.queue.tasks.in_flight;env=prod;host=web-1.example.org;queue=mail;slot=2",
        ),
    ],
)
def test_graphite_name_ends_in_sorted_tags_without_the_version(series: Series, name: str) -> None:
    assert names("graphite", env="prod", version="1.2.3")[series] == Rendered(name, "")


def test_name_says_the_unit_of_its_line_type() -> None:
    series = Series(DURATION, ("mail", "", ""))
    in_ms, in_seconds = (names("datadog", timer_type=timer_type)[series] for timer_type in ("ms", "h"))

    assert (in_ms and in_ms.name) == "app.queue.task.duration"
    assert (in_seconds and in_seconds.name) == "app.queue.task.duration_seconds"


def test_static_tags_stay_out_of_a_plain_name_and_their_series_add_up() -> None:
    plain = names()

    with_tags = plain[Series(COMPLETED, ("mail", "send"), (("tier", "free"),))]

    assert with_tags == plain[Series(COMPLETED, ("mail", "send"))]


def test_series_is_rendered_once() -> None:
    table = names()
    series = Series(COMPLETED, ("mail", "send"))

    assert table[series] is table[series]
    assert len(table) == 1


def test_series_that_stand_for_all_beyond_a_limit_are_counted() -> None:
    table = names()
    for values in (("mail", "send"), (OTHER, OTHER)):
        assert table[Series(COMPLETED, values)]

    assert (len(table), table.folded) == (2, 1)


def test_later_of_two_series_that_clean_alike_gets_a_stable_suffix() -> None:
    table = names()
    first = table[Series(COMPLETED, ("a.b", "send"))]
    second = table[Series(COMPLETED, ("a_b", "send"))]
    again = names()
    again[Series(COMPLETED, ("a/b", "send"))]

    assert first == ("app.queue.tasks.completed.a_b.send", "")
    assert second == ("app.queue.tasks.completed.a_b_41d14f81.send", "")
    assert again[Series(COMPLETED, ("a_b", "send"))] == second


def test_collision_is_said_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_telemetry._runtime.log._last", {})  # whatever was said before
    table = names()
    for queue in ("a.b", "a_b", "a/b"):
        table[Series(COMPLETED, (queue, "send"))]

    said = (
        "Two series are called alike once cleaned; the later one is sent as "
        "app.queue.tasks.completed.a_b_41d14f81.send."
    )
    assert [entry.getMessage() for entry in caplog.records] == [said]


def test_suffix_is_in_the_tag_that_differs() -> None:
    table = names("datadog")
    table[Series(COMPLETED, ("mail", "a|b"))]
    second = table[Series(COMPLETED, ("mail", "a,b"))]

    assert second is not None
    assert second.name == "app.queue.tasks.completed"
    assert second.tags.startswith("|#queue:mail,type:a_b_")


def test_two_metrics_that_clean_alike_get_different_names() -> None:
    table = names()
    table[Series(Metric("mails sent", Kind.COUNTER))]
    second = table[Series(Metric("mails/sent", Kind.COUNTER))]

    assert second is not None
    assert second.name.startswith("app.mails_sent_")


def test_long_values_are_cut_and_the_depth_stays() -> None:
    table = names()
    first = table[Series(COMPLETED, ("q" * 300, "t" * 300))]
    second = table[Series(COMPLETED, ("q" * 301, "t" * 300))]

    assert first is not None
    assert second is not None
    assert first != second
    assert first.name.count(".") == second.name.count(".") == 5
    assert max(len(first.name), len(second.name)) <= 200


@pytest.mark.parametrize("dialect", sorted(DIALECTS))
def test_name_of_which_nothing_is_left_is_none(dialect: str) -> None:
    assert names(dialect)[Series(Metric("...", Kind.COUNTER))] is None


def test_name_without_room_for_its_values_is_none() -> None:
    assert names()[Series(Metric("m" * 195, Kind.COUNTER, ("queue",)), ("mail",))] is None


METRICS = st.builds(
    Metric,
    name=st.text(max_size=20),
    kind=st.sampled_from(Kind),
    tags=st.just(("queue", "a b")),
    owner=st.sampled_from(Owner),
)
TEXTS = st.text(max_size=8) | st.sampled_from(["a.b", "a_b", "a:b", "none", "_e{", "x|c\ny:1|c", "host:evil"])


@settings(deadline=None)
@given(
    st.lists(st.tuples(METRICS, TEXTS, TEXTS, st.lists(st.tuples(TEXTS, TEXTS), max_size=2)), max_size=8),
    st.sampled_from(sorted(DIALECTS)),
)
def test_no_text_can_forge_a_line_or_merge_two_series(
    parse: Callable[[str, str], Any], rows: list[tuple[Metric, str, str, list[tuple[str, str]]]], dialect: str
) -> None:
    table = names(dialect, env="prod|x")
    seen: dict[Rendered, object] = {}
    for metric, queue, other, static in rows:
        series = Series(metric, (queue, other), tuple(static))
        rendered = table[series]
        if rendered is not None:
            identity = (metric.kind, metric.name, series.values, static if dialect == "datadog" else [])
            assert seen.setdefault(rendered, identity) == identity
            name, values, _, _, _ = parse(f"{rendered.name}:1|c{rendered.tags}", dialect)
            assert name.startswith("app.")
            assert values == ["1"]
