import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.settings import Settings, load, load_leniently

ENV = "QUEUE_TELEMETRY_"
BORROWED = [
    *(
        "DD_AGENT_HOST",
        "DD_DOGSTATSD_PORT",
        "DD_DOGSTATSD_URL",
        "DD_ENV",
        "DD_SERVICE",
        "DD_VERSION",
        "DD_TAGS",
    ),
    *("STATSD_HOST", "STATSD_PORT", "STATSD_PREFIX", "STATSD_MAXUDPSIZE"),
]
OURS = [f"{ENV}{name.upper()}" for name in Settings.model_fields]

names = st.sampled_from([*OURS, *BORROWED]) | st.from_regex(
    r"QUEUE_TELEMETRY_[A-Za-z_0-9]{1,20}", fullmatch=True
)
# What a process can be given: any bytes but zero, most of them not near a right value, some of them near.
raw_values = st.binary(max_size=40).map(
    lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape")
)
near_values = st.sampled_from(
    ["d", "datadog", "statsd", "8125", "0", "1e9", "inf", "true", "2048", "x" * 70000]
) | (
    st.sampled_from(
        ["a:b", "a=b", "http://c", "http://[", "tcp://x:1", "unix:///s", "udp://a:b", "udp://[::1", "::"]
    )
)
environments = st.dictionaries(names, raw_values | near_values, max_size=8)


def write_broken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Set up one mistake of each kind and return the lines about them."""
    monkeypatch.setenv(f"{ENV}STATSD_PORT", "80x25")
    monkeypatch.setenv(f"{ENV}STATSD_PROT", "8125")
    monkeypatch.setenv("queue_telemetry_log_level", "loud")
    Path(".env").write_text(
        f"{ENV}LOG_TOKEN='s3cr3t\n{ENV}MAX_SERIES=none\n{ENV}LOG_TOKENS=s3cr3t\n{ENV}SERVICE=kept\n"
    )
    return [
        "statsd_hots is not a setting: did you mean statsd_host?",
        ".env: line 1 should be NAME=value",
        "QUEUE_TELEMETRY_STATSD_PROT is not a setting: did you mean QUEUE_TELEMETRY_STATSD_PORT?",
        "QUEUE_TELEMETRY_LOG_TOKENS in .env is not a setting: did you mean QUEUE_TELEMETRY_LOG_TOKEN?",
        "QUEUE_TELEMETRY_STATSD_PORT='80x25': should be a whole number from 1 to 65535",
        "statsd_dialect='dogstatsd': should be statsd, graphite or datadog",
        "queue_telemetry_log_level='loud': should be TRACE, DEBUG, INFO, SUCCESS, WARNING, ERROR or CRITICAL",
        "QUEUE_TELEMETRY_MAX_SERIES='none' in .env: should be a whole number from 1 to 1000000",
    ]


def test_strict_loading_says_everything_that_is_wrong_in_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = write_broken(monkeypatch)

    with pytest.raises(ConfigurationError) as caught:
        load(statsd_hots="x", statsd_dialect="dogstatsd")

    assert str(caught.value).splitlines() == expected


def test_lenient_loading_keeps_the_defaults_of_what_is_wrong_and_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = write_broken(monkeypatch)

    settings, problems = load_leniently(statsd_hots="x", statsd_dialect="dogstatsd")

    assert problems == expected
    assert (settings.service, settings.statsd_port, settings.log_level) == ("kept", 8125, "INFO")


def test_a_right_environment_is_the_same_to_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{ENV}SERVICE", "billing")

    assert load_leniently(statsd_port=9125) == (load(statsd_port=9125), [])


def test_a_wrong_value_of_ours_means_the_default_and_not_a_weaker_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(f"{ENV}STATSD_PORT", "x")
    monkeypatch.setenv("STATSD_PORT", "9125")

    assert load_leniently()[0].statsd_port == 8125


def test_a_clash_with_a_default_is_resolved_leniently_and_not_said_strictly() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(statsd_dialect="dogstatsd", statsd_timer_type="d")
    settings, problems = load_leniently(statsd_dialect="dogstatsd", statsd_timer_type="d")

    assert str(caught.value) == "statsd_dialect='dogstatsd': should be statsd, graphite or datadog"
    assert (settings.statsd_dialect, settings.statsd_timer_type) == ("statsd", "ms")
    assert problems == [
        "statsd_dialect='dogstatsd': should be statsd, graphite or datadog",
        "statsd_timer_type='d': should be ms, the only timer of the dialect statsd",
    ]


@given(environments)
@example({f"{ENV}STATSD_TIMER_TYPE": "d", "DD_AGENT_HOST": "a..b"})
def test_lenient_loading_never_raises_and_strict_loading_agrees(environment: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        settings, problems = load_leniently()
        if problems:
            with pytest.raises(ConfigurationError):
                load()
        else:
            assert settings == load()


@given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), st.text() | st.integers() | st.none()))
def test_lenient_loading_never_raises_for_keywords(overrides: dict[str, object]) -> None:
    settings, problems = load_leniently(**overrides)

    assert settings.statsd_timer_type in ("ms", "h", "d")
    assert all("\n" not in problem for problem in problems)


SECRET = "s3cr3t"


@given(
    st.dictionaries(
        st.sampled_from(
            [f"{ENV}LOG_URL", f"{ENV}LOG_TOKEN", f"{ENV}LOG_HEADERS", f"{ENV}LOG_TOKENN", f"{ENV}LOGURL"]
        ),
        st.tuples(
            st.sampled_from(["", "http://", "https://u:", "X=", "X", "http://[", "http://u@c:", "\n", "é"]),
            st.sampled_from(["", "@c/", "\r\n", ",Y", "]", " "]),
        ).map(SECRET.join),
        min_size=1,
    )
)
def test_no_secret_is_in_a_message_or_a_representation(environment: dict[str, str]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        settings, problems = load_leniently()

    assert [text for text in (repr(settings), str(settings), *problems) if SECRET in text] == []


def test_a_secret_in_a_wrong_file_is_in_no_message() -> None:
    Path(".env").write_text(f"{ENV}LOG_TOKEN='{SECRET}\n{ENV}LOG_TOKENN={SECRET}\n={SECRET}\n")

    _, problems = load_leniently()

    assert [SECRET in problem for problem in problems] == [False, False, False]


@pytest.mark.parametrize("keyword", ["self", "overrides", "_env_file"])
def test_no_keyword_clashes_with_how_loading_is_written(keyword: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(**{keyword: 1})

    assert str(caught.value) == f"{keyword} is not a setting"
    assert load_leniently(**{keyword: 1})[1] == [f"{keyword} is not a setting"]


def test_a_variable_that_is_taken_away_meanwhile_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    class Shrinking(dict[str, str]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            return iter([*self.keys(), "QUEUE_TELEMETRY_SERVICE"])

    monkeypatch.setattr(os, "environ", Shrinking())

    assert load_leniently()[0].service is None
