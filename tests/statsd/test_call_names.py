import pytest

from queue_telemetry.statsd import DIALECTS
from queue_telemetry.statsd._call_names import CallNames


def test_name_has_the_prefix_in_front() -> None:
    assert CallNames(DIALECTS["statsd"], "app", {}).name("jobs done") == "app.jobs_done"


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
