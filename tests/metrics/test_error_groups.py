import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.metrics.error_groups import ErrorGroups
from queue_telemetry.metrics.errors import ErrorSample

_DAY_S = 86_400.0


def _sample(name: str, at_s: float, message: str = "") -> ErrorSample:
    return ErrorSample(name, "ValueError", "import", message, at_s)


def _counts(groups: ErrorGroups) -> dict[str, int]:
    return {fingerprint: tally.count for fingerprint, tally in groups.read().items()}


def _news(groups: ErrorGroups) -> list[tuple[str, str]]:
    return [(one.news.value, one.error.fingerprint) for one in groups.take_news()]


def test_a_group_tells_its_first_its_last_and_how_many_came_when() -> None:
    groups = ErrorGroups()
    for at_s in (2.0, 3.0, 70.0):
        groups.add(_sample("b", at_s, f"at {at_s}"), now_s=600.0 + at_s)

    tally = groups.read()["b"]

    assert (3, 2.0, 70.0, "at 70.0") == (tally.count, tally.first_seen_s, tally.last_seen_s, tally.sample)
    assert ("ValueError", "import", {10: 2, 11: 1}) == (tally.type, tally.task_type, tally.minutes)


def test_what_was_read_does_not_change_afterwards() -> None:
    groups = ErrorGroups()
    groups.add(_sample("a", 1.0), 1.0)
    read = groups.read()["a"]
    groups.add(_sample("a", 2.0), 2.0)

    assert (1, {0: 1}) == (read.count, read.minutes)


def test_only_an_hour_of_minutes_is_kept() -> None:
    groups = ErrorGroups()
    for minute in range(100):
        groups.add(_sample("a", minute * 60.0), minute * 60.0)

    assert list(range(40, 100)) == sorted(groups.read()["a"].minutes)


def test_a_full_table_gives_up_the_least_frequent() -> None:
    groups = ErrorGroups(max_groups=2)
    for name in ("a", "a", "b", "c"):
        groups.add(_sample(name, 1.0), 1.0)

    assert {"a": 2, "c": 1} == _counts(groups)


def test_a_full_table_gives_up_what_was_silent_for_an_hour_first() -> None:
    groups = ErrorGroups(max_groups=2)
    for name, at_s in [("old", 0.0), ("old", 1.0), ("new", 4000.0), ("newer", 4001.0)]:
        groups.add(_sample(name, at_s), at_s)

    assert {"new": 1, "newer": 1} == _counts(groups)


@given(st.lists(st.sampled_from("abcdefgh"), max_size=200))
def test_what_is_frequent_enough_is_always_kept(names: list[str]) -> None:
    groups = ErrorGroups(max_groups=4)
    for name in names:
        groups.add(_sample(name, 1.0), 1.0)

    kept = _counts(groups)

    assert len(kept) <= 4
    assert all(count <= names.count(name) for name, count in kept.items())
    assert {name for name in names if names.count(name) > len(names) / 4} <= kept.keys()


def test_an_error_is_news_once() -> None:
    groups = ErrorGroups()
    for name in ("a", "a", "b"):
        groups.add(_sample(name, 1.0), 1.0)

    assert [("error_new", "a"), ("error_new", "b")] == _news(groups)
    groups.add(_sample("a", 2.0), 2.0)
    assert [] == _news(groups)


@pytest.mark.parametrize(("silent_s", "news"), [(_DAY_S, []), (_DAY_S + 1, [("error_returned", "a")])])
def test_an_error_that_comes_back_after_a_day_is_news(silent_s: float, news: list[tuple[str, str]]) -> None:
    groups = ErrorGroups()
    groups.add(_sample("a", 1.0), 1.0)
    groups.take_news()
    groups.add(_sample("a", 1.0 + silent_s), 1.0 + silent_s)

    assert news == _news(groups)


def test_a_known_error_is_no_news_though_its_group_was_given_up() -> None:
    groups = ErrorGroups(max_groups=1)
    for name in ("a", "b", "a"):
        groups.add(_sample(name, 1.0), 1.0)

    assert [("error_new", "a"), ("error_new", "b")] == _news(groups)


def test_a_flood_of_new_errors_is_bounded() -> None:
    groups = ErrorGroups()
    for number in range(3_000):
        groups.add(_sample(str(number), 1.0), 1.0)

    assert 100 == len(groups.take_news())
    assert (100, 1_000) == (len(groups.read()), len(groups._last_seen_s))
