import pytest

from queue_telemetry.settings import _names

FIELDS = ("statsd_host", "statsd_port", "log_url")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QUEUE_TELEMETRY_SERVICE_HOST", "10.0.0.1"),
        ("QUEUE_TELEMETRY_SERVICE_PORT", "8125"),
        ("QUEUE_TELEMETRY_SERVICE_PORT_STATSD", "8125"),
        ("QUEUE_TELEMETRY_PORT", "tcp://10.0.0.1:8125"),
        ("QUEUE_TELEMETRY_STATSD_PORT", "udp://10.0.0.1:8125"),
        ("QUEUE_TELEMETRY_PORT", "sctp://10.0.0.1:8125"),
        ("QUEUE_TELEMETRY_PORT_8125_UDP", "udp://10.0.0.1:8125"),
        ("QUEUE_TELEMETRY_PORT_8125_UDP_ADDR", "10.0.0.1"),
    ],
)
def test_names_that_platforms_make_up_are_known(name: str, value: str) -> None:
    assert _names.is_link(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QUEUE_TELEMETRY_STATSD_PORT", "8125"),
        ("QUEUE_TELEMETRY_STATSD_HOST", "tcp://10.0.0.1:8125"),
        ("QUEUE_TELEMETRY_SERVICE", "billing"),
        ("QUEUE_TELEMETRY_PORT_TCP", "1"),
    ],
)
def test_other_names_are_the_users(name: str, value: str) -> None:
    assert not _names.is_link(name, value)


def test_a_misspelled_variable_is_told_the_nearest_right_one() -> None:
    assert _names.unknown_variable("QUEUE_TELEMETRY_LOGURL", " in .env", FIELDS) == (
        "QUEUE_TELEMETRY_LOGURL in .env is not a setting: did you mean QUEUE_TELEMETRY_LOG_URL?"
    )


def test_a_misspelled_keyword_is_told_the_nearest_right_one() -> None:
    assert _names.unknown_keyword("statsd_hots", FIELDS) == (
        "statsd_hots is not a setting: did you mean statsd_host?"
    )


def test_a_name_that_is_near_to_none_gets_no_suggestion() -> None:
    assert _names.unknown_keyword("zzz", FIELDS) == "zzz is not a setting"


def test_odd_characters_of_a_name_are_escaped() -> None:
    assert _names.unknown_keyword("a\n\udcff", FIELDS) == "a\\n\\udcff is not a setting"
