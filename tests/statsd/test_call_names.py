import pytest

from queue_telemetry.statsd import DIALECTS
from queue_telemetry.statsd._call_names import CallNames


def test_name_has_the_prefix_in_front() -> None:
    assert CallNames(DIALECTS["statsd"], "app", {}).name("jobs done") == "app.jobs_done"


@pytest.mark.parametrize("dialect", ["statsd", "graphite", "datadog"])
def test_names_that_cleaning_makes_alike_stay_apart(dialect: str) -> None:
    names = CallNames(DIALECTS[dialect], "app", {})
    raw = ["mail/in", "mail:in", "mail_in", "naïve", "na_ve", "x" * 300 + "1", "x" * 300 + "2", "a..b", "a.b"]
    clean = [names.name(name) for name in raw]

    assert len(set(clean)) == len(raw)
    assert max(map(len, clean)) == 200
    assert [clean[0], clean[2]] == ["app.mail_in_f1f4ff0c", "app.mail_in"]


@pytest.mark.parametrize("dialect", ["graphite", "datadog"])
def test_tag_values_that_cleaning_makes_alike_stay_apart(dialect: str) -> None:
    names = CallNames(DIALECTS[dialect], "", {})
    raw = ["a,b", "a|b", "a_b", "x" * 300 + "1", "x" * 300 + "2"]

    assert len({names.tags({"queue": value}) for value in raw}) == len(raw)
    assert names.tags({"queue": "a,b"}) in {"|#queue:a_b_2cd913df", ";queue=a_b_2cd913df"}


def test_tags_are_cleaned_once_and_the_cache_is_bounded() -> None:
    names = CallNames(DIALECTS["datadog"], "", {})
    for number in range(3000):
        names.tags({"job": f"{number}"})

    assert names.tags({"job": "2999"}) is names.tags({"job": "2999"})
    assert len(names._suffixes) <= 1024


def test_series_are_the_same_in_any_order_of_tags_and_their_lines_keep_it() -> None:
    names = CallNames(DIALECTS["datadog"], "", {})
    one, other = {"a": "1", "b": "2"}, {"b": "2", "a": "1"}

    assert names.series("jobs", one) == names.series("jobs", other)
    assert names.tags(other) == "|#b:2,a:1"
    assert names.series("jobs", {"a": "2", "b": "1"}) != names.series("jobs", one)


def test_name_of_which_only_the_prefix_is_left_is_empty() -> None:
    assert CallNames(DIALECTS["statsd"], "app", {}).name("...") == ""


def test_names_made_of_ids_do_not_grow_the_cache_without_bound() -> None:
    names = CallNames(DIALECTS["statsd"], "", {})
    for number in range(3000):
        names.name(f"job.{number}")

    assert len(names._clean) <= 1024


class Unwritable:
    def __str__(self) -> str:
        raise RuntimeError


class Doubtful(dict[str, str]):
    def __bool__(self) -> bool:
        raise RuntimeError


class Unhashable(str):
    __slots__ = ()

    def __hash__(self) -> int:
        raise RuntimeError

    def __getitem__(self, key: object) -> str:
        raise RuntimeError


@pytest.mark.parametrize("dialect", ["statsd", "datadog"])
def test_tags_that_cannot_be_read_are_none(dialect: str) -> None:
    assert CallNames(DIALECTS[dialect], "", {}).tags(Doubtful()) is None


def test_tags_that_cannot_be_written_are_none() -> None:
    tags: dict[str, str] = {"queue": Unwritable()}  # type: ignore[dict-item] # what a user may pass

    assert CallNames(DIALECTS["datadog"], "", {}).tags(tags) is None


def test_texts_with_methods_of_their_own_are_taken_as_they_are_written() -> None:
    names = CallNames(DIALECTS["datadog"], "", {})

    assert names.name(Unhashable("jobs")) == "jobs"
    assert names.tags({"queue": Unhashable("mail")}) == "|#queue:mail"


def test_constant_tags_are_on_every_call() -> None:
    names = CallNames(DIALECTS["datadog"], "", {"env": "prod"})

    assert (names.tags(None), names.tags({"queue": "mail"})) == ("|#env:prod", "|#env:prod,queue:mail")
