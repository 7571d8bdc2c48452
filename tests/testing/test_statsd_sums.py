"""Sums are those of a server: rates scale counters exactly, and weigh timings by `int(1 / rate)`."""

from collections.abc import Mapping
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.testing._statsd_grammar import StatsdLine
from queue_telemetry.testing._statsd_sums import StatsdSums

NO_TAGS: Mapping[str, str] = {}


def line(
    type_: str, *values: int | Fraction, name: str = "a", rate: str = "1", tags: Mapping[str, str] = NO_TAGS
) -> StatsdLine:
    return StatsdLine(name, type_, values, Fraction(rate), tags)


def test_a_counter_is_divided_by_its_rate_exactly() -> None:
    sums = StatsdSums()
    sums.add(line("c", 1, rate="0.1"))
    sums.add(line("c", 2, rate="0.5"))

    assert 14 == sums.counter("a", NO_TAGS)
    assert isinstance(sums.counter("a", NO_TAGS), int)


@given(st.lists(st.integers(-(10**6), 10**6).map(lambda cents: Fraction(cents, 100)), max_size=50))
def test_fractions_add_up_without_error(amounts: list[Fraction]) -> None:
    sums = StatsdSums()
    for amount in amounts:
        sums.add(line("c", amount))

    assert float(sum(amounts)) == sums.counter("a", NO_TAGS)


def test_a_gauge_is_its_last_value_and_several_add_up() -> None:
    sums = StatsdSums()
    sums.add(line("g", 5, tags={"slot": "0"}))
    sums.add(line("g", 3, tags={"slot": "0"}))
    sums.add(line("g", 4, tags={"slot": "1"}))

    assert 7 == sums.gauge("a", NO_TAGS)
    assert 4 == sums.gauge("a", {"slot": "1"})


def test_a_gauge_that_never_came_is_none() -> None:
    assert StatsdSums().gauge("a", NO_TAGS) is None


def test_tags_match_the_series_that_have_at_least_these() -> None:
    sums = StatsdSums()
    sums.add(line("c", 1, tags={"queue": "mail", "type": "x"}))
    sums.add(line("c", 10, tags={"queue": "mail", "type": "y"}))
    sums.add(line("c", 100))

    assert 111 == sums.counter("a", NO_TAGS)
    assert 11 == sums.counter("a", {"queue": "mail"})
    assert 1 == sums.counter("a", {"type": "x", "queue": "mail"})
    assert 0 == sums.counter("a", {"type": "z"})


def test_timings_are_weighed_as_servers_do() -> None:
    sums = StatsdSums()
    sums.add(line("ms", Fraction(5, 2), rate="0.7"))  # int(1 / 0.7) is 1
    sums.add(line("ms", 1, 2, rate="0.3"))  # int(1 / 0.3) is 3, for each of two values

    assert [2.5, 1.0, 2.0] == sums.timings("a", NO_TAGS)
    assert 7 == sums.timing_count("a", NO_TAGS)


def test_names_are_sorted_and_of_every_type() -> None:
    sums = StatsdSums()
    for name, type_ in [("c", "ms"), ("b", "g"), ("a", "c"), ("c", "ms")]:
        sums.add(line(type_, 1, name=name))

    assert ["a", "b", "c"] == sums.names()
