import pytest

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.statsd import DIALECTS, StatsClient
from queue_telemetry.statsd._constant_tags import clean_constant_tags

DATADOG = DIALECTS["datadog"]


def test_tags_are_made_safe_and_absent_ones_left_out() -> None:
    assert clean_constant_tags({"Team a": "x,y", "env": ""}, DATADOG) == {"team_a": "x_y"}


@pytest.mark.parametrize(
    ("first", "second"), [("team a", "team_a"), ("Team", "team"), ("host", "extra_host")]
)
def test_keys_that_would_become_one_are_both_named(first: str, second: str) -> None:
    with pytest.raises(ConfigurationError, match=f"TAGS has '{first}' and '{second}'"):
        StatsClient(dialect=DATADOG, constant_tags={first: "1", second: "2"})


def test_keys_that_become_one_with_one_value_are_that_one() -> None:
    assert clean_constant_tags({"Env": "prod", "env": "prod"}, DATADOG) == {"env": "prod"}


def test_graphite_leaves_the_version_out() -> None:
    assert clean_constant_tags({"version": "1.2.3", "env": "prod"}, DIALECTS["graphite"]) == {"env": "prod"}


def test_plain_dialect_has_none_and_refuses_none() -> None:
    assert clean_constant_tags({"team a": "1", "team_a": "2"}, DIALECTS["statsd"]) == {}
