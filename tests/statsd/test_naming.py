from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queue_telemetry.metrics import CATALOG, OTHER, Kind, Metric, Owner, Series
from queue_telemetry.statsd import DIALECTS
from queue_telemetry.statsd._constant_tags import clean_constant_tags
from queue_telemetry.statsd._naming import Rendered, SeriesNames

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
        timer_type=timer_type or chosen.timer_types[0],
        host="web-1.example.org",
        slot=slot,
    )


@pytest.mark.parametrize(
    ("series", "name"),
    [
        (Series(COMPLETED, ("mail", "send")), "app.queue.tasks.completed.mail.send"),
        (Series(COMPLETED, ("", "send")), "app.queue.tasks.completed.none.send"),
        (
            Series(COMPLETED, ("a.b", "app.tasks.send_mail")),
            "app.queue.tasks.completed.a_b.app_tasks_send_mail",
        ),
        (Series(COMPLETED, ("a.b", "c/d")), "app.queue.tasks.completed.a_b.c_d_c633d243"),
        (Series(Metric("mails sent", Kind.COUNTER)), "app.mails_sent"),
        (Series(Metric("mails/sent", Kind.COUNTER)), "app.mails_sent_42e5dad2"),
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


@pytest.mark.parametrize("dialect", ["statsd", "graphite", "datadog"])
def test_a_series_is_called_the_same_whatever_else_a_process_knows(dialect: str) -> None:
    queues = ["mail in", "mail.in", "mail/in", "mail_in", "mail-in", "m" * 300, "m" * 301]
    series = [Series(COMPLETED, (queue, "send")) for queue in queues]
    forwards, backwards = names(dialect), names(dialect)
    for one, other in zip(series, reversed(series), strict=True):
        assert None not in {forwards[one], backwards[other]}
    called = [forwards[one] for one in series]

    assert called == [backwards[one] for one in series]
    assert len(set(called)) == len(series)


def test_of_two_that_are_called_alike_the_changed_one_gets_a_mark_whichever_came_first() -> None:
    unchanged, changed = (Series(COMPLETED, (queue, "send")) for queue in ("a_b", "a.b"))
    for order in ((unchanged, changed), (changed, unchanged)):
        table = names()
        first = [table[series] for series in order]

        assert first[0] == ("app.queue.tasks.completed.a_b.send", "")
        assert table[unchanged] == ("app.queue.tasks.completed.a_b.send", "")
        assert table[changed] == ("app.queue.tasks.completed.a_b_efdd879b.send", "")


def test_of_two_metrics_that_are_called_alike_the_one_with_fewer_values_goes_first() -> None:
    short, long = (
        Series(Metric("mails", Kind.COUNTER, ("how",)), ("sent",)),
        Series(Metric("mails.sent", Kind.COUNTER)),
    )
    table = names()

    assert table[short] == ("app.mails.sent", "")
    assert table[long] == ("app.mails.sent", "")
    assert table[short] == ("app.mails_faef11cf.sent", "")


def test_a_value_called_none_yields_to_the_absent_one() -> None:
    literal, absent = (Series(COMPLETED, (queue, "send")) for queue in ("none", ""))
    table = names()
    alone = table[literal]

    assert table[absent] == alone == ("app.queue.tasks.completed.none.send", "")
    assert table[literal] == ("app.queue.tasks.completed.none_701fac0b.send", "")


def test_a_mark_that_an_exception_cut_short_is_the_same_the_second_time() -> None:
    unchanged, changed = (Series(COMPLETED, (queue, "send")) for queue in ("a_b", "a.b"))
    whole, cut_short = names(), names()
    for table in (whole, cut_short):
        assert table[changed] is not None
    _, _, identity, marks = next(iter(cut_short._holders.values()))
    cut_short._marks[identity] = marks + 1  # the one step that was taken
    for table in (whole, cut_short):
        assert table[unchanged] is not None

    assert whole[changed] == cut_short[changed]


def test_collision_is_said_once(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_telemetry._runtime.log._last", {})  # whatever was said before
    table = names()
    for queue in ("a.b", "a_b", "c.d", "c_d"):
        table[Series(COMPLETED, (queue, "send"))]

    said = (
        "Two series are called alike once cleaned; one of them gets a mark behind "
        "app.queue.tasks.completed.a_b.send."
    )
    assert [said] == caplog.messages


def test_mark_is_in_the_tag_that_needs_it() -> None:
    marked = names("datadog")[Series(COMPLETED, ("mail", "a|b"))]

    assert marked is not None
    assert marked.name == "app.queue.tasks.completed"
    assert marked.tags.startswith("|#queue:mail,type:a_b_")


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
    all_series = [Series(metric, (queue, other), tuple(static)) for metric, queue, other, static in rows]
    for series in all_series:  # what is known by the end may change what the first are called
        assert table[series] is None or parse(written(table, series), dialect)
    called: dict[str, object] = {}
    for series in all_series:
        if table[series] is not None:
            static_tags = series.static_tags if dialect == "datadog" else ()
            identity = (series.metric.kind, series.metric.name, series.values, static_tags)
            name, values, _, _, _ = parse(written(table, series), dialect)
            assert name.startswith("app.")
            assert values == ["1"]
            assert called.setdefault(written(table, series), identity) == identity


def written(table: SeriesNames, series: Series) -> str:
    rendered = table[series]
    assert rendered is not None
    return f"{rendered.name}:1|c{rendered.tags}"
