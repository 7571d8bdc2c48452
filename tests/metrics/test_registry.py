import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry._runtime import DropReason
from queue_telemetry.metrics import CATALOG, MAX_SAMPLES, OTHER, Batch, Kind, Marks, Owner, Registry, Series
from queue_telemetry.metrics.registry import SHARED_GAUGE_EXPIRES_S, tag_text

_SIZE = CATALOG["queue.size"]
_EMPTY = CATALOG["queue.claims.empty"]
_WAIT = CATALOG["queue.task.wait"]


def sums(batch: Batch) -> dict[tuple[str, tuple[str, ...]], float]:
    return {(series.metric.name, series.values): amount for series, amount, _ in batch.counters}


def gauges(batch: Batch) -> dict[tuple[str, tuple[str, ...]], float | None]:
    return {(series.metric.name, series.values): value for series, value, _ in batch.gauges}


def test_a_series_has_one_cell(registry: Registry) -> None:
    assert registry.counter(_EMPTY, ("mail",)) is registry.counter(_EMPTY, ("mail",))
    assert registry.counter(_EMPTY, ("mail",)) is not registry.counter(_EMPTY, ("mail",), (("tier", "free"),))


def test_threads_that_race_for_a_new_series_share_one_cell(registry: Registry, fast_switching: None) -> None:
    barrier = threading.Barrier(8)

    def work() -> None:
        for number in range(100):
            barrier.wait(10)
            registry.user_counter(f"c{number}", {"k": "v"}).increment()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {(f"c{number}", ("v",)): 8 for number in range(100)} == sums(registry.collect())


def test_a_collection_takes_each_value_once(registry: Registry) -> None:
    registry.counter(_EMPTY, ("mail",)).increment(2)
    registry.timer(_WAIT, ("mail", "send")).observe(0.5)

    assert 2 == registry.collect().weight
    assert 0 == registry.collect().weight


def test_a_collection_that_is_cut_short_goes_on_in_its_batch(registry: Registry) -> None:
    counter, faults = registry.counter(_EMPTY, ("mail",)), [KeyError("interrupt")]

    def source(batch: Batch) -> None:
        if faults:
            raise faults.pop()

    registry.add_source(source)
    counter.increment()
    kept = Batch()
    with pytest.raises(KeyError, match="interrupt"):
        registry.collect(kept)
    counter.increment()

    assert 2 == registry.collect(kept).weight
    assert 0 == registry.collect().weight


def test_a_source_adds_to_every_collection(registry: Registry) -> None:
    registry.add_source(lambda batch: batch.drop(1, DropReason.CLOSED))

    assert [{DropReason.CLOSED: 1}] * 2 == [registry.collect().dropped, registry.collect().dropped]


def test_a_forked_child_lets_its_parents_values_go(registry: Registry) -> None:
    counter, gauge = registry.counter(_EMPTY, ("mail",)), registry.gauge(_SIZE, ("mail",))
    counter.increment()
    gauge.set(5)
    registry.timer(_WAIT, ("mail", "send")).observe(0.5)
    registry.discard()

    batch = registry.collect()
    assert 0 == batch.weight
    assert {} == gauges(batch)  # that it is unknown is not for the child to say
    assert [] == registry.collect().gauges


def test_series_that_fold_into_one_timer_promise_to_it_together(registry: Registry) -> None:
    registry.max_series = 0
    promises = [Marks(), Marks()]
    first, second = (
        registry.timer(_WAIT, (queue, "t"), marks=marks) for queue, marks in zip("ab", promises, strict=True)
    )
    assert first is second
    for marks in promises * MAX_SAMPLES:
        marks.mark()
        first.append(0.25)

    batch = registry.collect()
    assert [MAX_SAMPLES] == [len(durations) for _, durations in batch.timings]
    assert {DropReason.OVERFLOW: MAX_SAMPLES} == batch.dropped


def test_series_beyond_the_limit_fold_and_are_counted_and_said_once(
    registry: Registry, said: list[str]
) -> None:
    registry.max_series = 3
    for number in range(10):
        registry.user_counter("mails", {"to": number, "via": "ses"}).increment()

    assert {
        **{("mails", (str(number), "ses")): 1 for number in range(3)},
        ("mails", (OTHER, OTHER)): 7,
    } == sums(registry.collect())
    assert {"series": 4, "folded": 7} == registry.stats()
    assert ["metric mails has 3 series; more fold into __other__"] == said


def test_a_series_that_was_there_in_time_does_not_fold(registry: Registry) -> None:
    registry.max_series = 1
    early = registry.user_counter("mails", {"to": "a"})
    registry.user_counter("mails", {"to": "b"})

    assert early is registry.user_counter("mails", {"to": "a"})


def test_metrics_do_not_fill_each_others_limit(registry: Registry) -> None:
    registry.max_series = 2
    for name in ("a", "b", "c"):
        for value in range(2):
            registry.user_counter(name, {"k": value}).increment()

    assert 0 == registry.stats()["folded"]


def test_a_folded_series_bears_no_tags_of_its_task(registry: Registry) -> None:
    registry.max_series = 1
    registry.counter(_EMPTY, ("a",), (("tier", "free"),))
    folded = registry.counter(_EMPTY, ("b",), (("tier", "gold"),))

    assert ((OTHER,), ()) == (folded.series.values, folded.series.static_tags)


def test_a_shared_value_that_nobody_renews_becomes_unknown(registry: Registry, manual: Any) -> None:
    gauge = registry.gauge(_SIZE, ("mail",))
    gauge.set(7)
    seen = []
    for passed_s in (SHARED_GAUGE_EXPIRES_S, 0.1, 0.0):
        manual.now_s += passed_s
        seen.append(gauges(registry.collect()).get(("queue.size", ("mail",)), "absent"))
    gauge.set(8)

    assert [7, None, "absent"] == seen
    assert {("queue.size", ("mail",)): 8} == gauges(registry.collect())


@pytest.mark.parametrize("metric", [CATALOG["queue.active_workers"], None], ids=["process", "user"])
def test_a_value_of_the_process_stays(registry: Registry, manual: Any, metric: Any) -> None:
    gauge = registry.user_gauge("pool", {}) if metric is None else registry.gauge(metric)
    gauge.set(7)
    manual.now_s += 10 * SHARED_GAUGE_EXPIRES_S

    assert [7] == [value for _, value, _ in registry.collect().gauges]


def test_a_collection_apart_from_some_metrics_brings_what_is_new_of_the_others(registry: Registry) -> None:
    registry.counter(_EMPTY, ("mail",)).increment()
    registry.counter(CATALOG["queue.tasks.started"], ("mail", "send")).increment()
    registry.gauge(_SIZE, ("mail",)).set(3)
    registry.gauge(_SIZE, ("unset",))
    registry.add_source(lambda batch: batch.counters.append((Series(_EMPTY, ("source",)), 1, 1)))
    apart = registry.collect(apart_from={"queue.tasks.started"})
    rest = registry.collect()

    assert sums(apart) == {("queue.claims.empty", ("mail",)): 1}
    assert gauges(apart) == {("queue.size", ("mail",)): 3}
    assert sums(rest) == {
        ("queue.tasks.started", ("mail", "send")): 1,
        ("queue.claims.empty", ("source",)): 1,
    }


def test_a_users_gauge_is_owned_by_the_user(registry: Registry) -> None:
    assert Owner.USER is registry.user_gauge("pool", {}).series.metric.owner
    assert None is registry.user_counter("mails", {}).series.metric.owner


def test_the_first_use_of_a_name_fixes_its_kind(registry: Registry, said: list[str]) -> None:
    registry.user_counter("mails", {}).increment()
    registry.user_gauge("mails", {}).set(3)
    registry.user_timer("mails", {}).observe(3)

    batch = registry.collect()
    assert {("mails", ()): 1} == sums(batch)
    assert {DropReason.INVALID: 2} == batch.dropped
    assert ["metric 'mails' is refused: no usable name, of another kind, or one too many"] == said


@pytest.mark.parametrize(
    ("tags", "values"),
    [
        ({"a": 1, "b": 2}, ("1", "2")),
        ({"b": 2, "a": 1}, ("1", "2")),
        ({"a": 1}, ("1", "")),
        ({}, ("", "")),
        ({"a": None, "b": ""}, ("", "")),
        ({"a": 1, "c": 3}, ("1", "")),
    ],
    ids=str,
)
def test_the_first_use_of_a_name_fixes_its_tag_keys(
    registry: Registry, tags: Mapping[str, object], values: tuple[str, ...]
) -> None:
    registry.user_counter("mails", {"a": "x", "b": "y"})
    series = registry.user_counter("mails", tags).series

    assert (("a", "b"), values) == (series.metric.tags, series.values)


def test_a_tag_key_that_is_left_out_is_said(registry: Registry, said: list[str]) -> None:
    registry.user_counter("mails", {"a": "x"})
    registry.user_counter("mails", {"a": "x", "c": "y"})

    assert ["metric 'mails' has the tag keys a; others are left out"] == said


def test_a_users_metrics_are_limited(registry: Registry) -> None:
    for number in range(1_002):
        registry.user_counter(f"c{number}", {}).increment()

    batch = registry.collect()
    assert 1_000 == len(batch.counters)
    assert {DropReason.INVALID: 2} == batch.dropped


def refuse(*_: object) -> Any:
    raise ValueError("no")


_HOSTILE = dict.fromkeys(
    [
        "__eq__",
        "__hash__",
        "__len__",
        "__str__",
        "__repr__",
        "__getitem__",
        "__bool__",
        "__iter__",
        "__float__",
    ],
    refuse,
)
Text = type("Text", (str,), {**_HOSTILE, "strip": refuse})
"""A string whose class answers nothing."""
Hostile = type(
    "Hostile", (), {**_HOSTILE, "__class__": property(refuse), "__int__": refuse, "__index__": refuse}
)
"""An object whose every answer is an exception."""


class Liar:
    """An object whose text is a string of a hostile class."""

    def __str__(self) -> str:
        return cast("str", Text("lie"))


def made(value: object) -> object:
    """Make what no test runner could hold: it would ask it something."""
    return value() if isinstance(value, partial) else value


@pytest.mark.parametrize(
    "name",
    [
        None,
        5,
        b"mails",
        "",
        "  ",
        "x" * 201,
        "queue.size",
        partial(Hostile),
        object,
        ("a",),
        partial(Text, ""),
    ],
    ids=lambda name: type(name).__name__,
)
@pytest.mark.parametrize("kind", Kind)
def test_what_is_no_name_is_refused(registry: Registry, said: list[str], name: object, kind: Kind) -> None:
    name = made(name)
    if kind is Kind.COUNTER:
        registry.user_counter(name, {"a": 1}).increment()
    elif kind is Kind.GAUGE:
        registry.user_gauge(name, {"a": 1}).set(1)
    else:
        registry.user_timer(name, {"a": 1}).observe(1)

    batch = registry.collect()
    assert ({DropReason.INVALID: 1}, 1) == (batch.dropped, batch.weight)
    assert 1 == len(said)


def test_a_name_of_a_hostile_class_is_its_text(registry: Registry) -> None:
    counter = registry.user_counter(Text("mails"), {"a": 1})

    assert counter is registry.user_counter("mails", {"a": 1})
    assert str is type(counter.series.metric.name)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("ses", "ses"),
        (5, "5"),
        (True, "True"),
        (b"raw", "b'raw'"),
        ("x" * 500, "x" * 200),
        (partial(Hostile), ""),
        (partial(Text, "t"), ""),
        (partial(Liar), "lie"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_tag_value_becomes_text(value: object, text: str) -> None:
    assert text == tag_text(made(value))
    assert str is type(tag_text(made(value)))


@given(
    st.text() | st.integers() | st.none() | st.binary(),
    st.dictionaries(
        st.text(), st.none() | st.text() | st.floats() | st.builds(Hostile) | st.builds(Liar), max_size=4
    ),
)
def test_whatever_the_name_and_tags_the_call_is_counted(
    new_registry: Callable[[], Registry], name: object, tags: dict[str, object]
) -> None:
    registry = new_registry()
    registry.user_counter(name, tags).increment()
    registry.user_counter(name, tags).increment()

    batch = registry.collect()
    assert 2 == batch.weight
    for series, amount, _ in batch.counters:
        assert 2 == amount
        assert tuple(tags) == series.metric.tags


@pytest.mark.parametrize(
    "name",
    [
        "queue.tasks.completed.default.work",
        "queue..tasks.completed.default.work",
        "_queue.tasks.completed.default.work",
        "queue.tasks.completed\n",
        "queue.tasks.completed ",
        "queue.tasks",
    ],
)
def test_a_name_that_could_be_read_as_the_librarys_is_refused(
    registry: Registry, said: list[str], name: str
) -> None:
    registry.user_counter(name, {"of": "completed"}).increment()
    batch = registry.collect()

    assert ([], {DropReason.INVALID: 1}) == (batch.counters, batch.dropped)
    assert 1 == len(said)


@pytest.mark.parametrize(
    "name", ["queues.mine", "queue.tasks_mine", "queue_size", "mine.queue.tasks.completed"]
)
def test_a_name_that_only_resembles_the_librarys_is_the_users(registry: Registry, name: str) -> None:
    registry.user_counter(name, {}).increment()

    assert {(name, ()): 1} == sums(registry.collect())
