import pytest

from queue_telemetry.statsd import DIALECTS
from queue_telemetry.statsd._cleaning import clean_key, clean_name, clean_set_value, clean_value, tag_suffix

PLAIN = DIALECTS["statsd"]
GRAPHITE = DIALECTS["graphite"]
DATADOG = DIALECTS["datadog"]


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("jobs.done", "jobs.done"),
        ("jobs done", "jobs_done"),
        ("a:1|c\nb", "a_1_c_b"),
        ("a@b#c,d;e=f\r", "a_b_c_d_e_f_"),
        ("..a...b..", "a.b"),
        ("_e{1,1}", "e_1_1_"),
        ("naïve", "na_ve"),
        ("._.", ""),
        ("x" * 300, "x" * 200),
    ],
)
def test_plain_name_holds_only_what_servers_keep(raw: str, clean: str) -> None:
    assert clean_name(raw, PLAIN) == clean


@pytest.mark.parametrize(
    ("raw", "clean"), [("jobs-done", "jobs_done"), ("9lives", "lives"), ("_sc", "sc"), ("123", "")]
)
def test_datadog_name_starts_with_a_letter(raw: str, clean: str) -> None:
    assert clean_name(raw, DATADOG) == clean


def test_plain_value_is_one_node() -> None:
    assert clean_value("a.b/c d", PLAIN) == "a_b_c_d"


@pytest.mark.parametrize(
    ("raw", "clean"),
    [("host:1", "host:1"), ("a,b|c", "a_b_c"), ("größe", "größe"), ("http://x/", "http://x/"), ("a:", "a_")],
)
def test_datadog_value_keeps_what_datadog_keeps(raw: str, clean: str) -> None:
    assert clean_value(raw, DATADOG) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Team", "team"),
        ("a:b", "a_b"),
        ("1st", "extra_1st"),
        ("", "extra_"),
        ("host", "extra_host"),
        ("HOST", "extra_host"),
        ("dd.internal.entity_id", "extra_dd.internal.entity_id"),
    ],
)
def test_key_is_never_the_agents_own(raw: str, clean: str) -> None:
    assert clean_key(raw, DATADOG) == clean


def test_set_member_cannot_end_its_line() -> None:
    assert clean_set_value("a|b:c\nd é") == "a_b_c_d __52e1b603"


def test_set_member_that_is_safe_stays_as_it_is() -> None:
    assert clean_set_value("user 1.5") == "user 1.5"


def test_tags_are_constant_then_own_then_static_then_slot() -> None:
    suffix = tag_suffix(
        [("queue", "mail")], [("tier", "free")], {"env": "prod"}, DATADOG, owner={"slot": "3"}
    )

    assert suffix == "|#env:prod,queue:mail,tier:free,slot:3"


def test_absent_value_is_no_tag() -> None:
    assert tag_suffix([("queue", ""), ("type", "t")], (), {}, DATADOG) == "|#type:t"


def test_static_tag_cannot_replace_the_metrics_own() -> None:
    assert tag_suffix([("queue", "mail")], [("queue", "x")], {}, DATADOG) == "|#queue:mail,extra_queue:x"


def test_own_tag_cannot_replace_the_slot() -> None:
    assert tag_suffix([("slot", "9")], (), {}, DATADOG, owner={"slot": "0"}) == "|#extra_slot:9,slot:0"


def test_special_tag_wins_over_a_constant_one() -> None:
    assert tag_suffix([("env", "test")], (), {"env": "prod"}, DATADOG) == "|#env:test"


def test_tag_is_cut_at_200_characters() -> None:
    assert len(tag_suffix([("k", "v" * 500)], (), {}, DATADOG)) == len("|#") + 200


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("name", "extra_name"),
        ("a=b;c", "a_b_c"),
        ("a!b^c d", "a_b_c_d"),
        ("host", "host"),
        ("path/x", "path_x"),
    ],
)
def test_graphite_key_is_one_that_carbon_takes(raw: str, clean: str) -> None:
    assert clean_key(raw, GRAPHITE) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [("~home", "_home"), ("a;b=c", "a_b_c"), ("v1.2-rc", "v1.2-rc"), ("http://x", "http___x")],
)
def test_graphite_value_is_one_that_carbon_and_the_daemon_leave_alone(raw: str, clean: str) -> None:
    assert clean_value(raw, GRAPHITE) == clean


def test_graphite_tags_are_sorted_since_the_daemon_tells_series_by_their_order() -> None:
    suffix = tag_suffix([("type", "send"), ("queue", "mail")], [("a", "1")], {"env": "prod"}, GRAPHITE)

    assert suffix == ";a=1;env=prod;queue=mail;type=send"


def test_plain_dialect_has_no_tags() -> None:
    assert tag_suffix([("queue", "mail")], (), {}, PLAIN) == ""
