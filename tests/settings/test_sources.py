from pathlib import Path

import pytest

from queue_telemetry.settings import Settings, _sources, load

ENV = "QUEUE_TELEMETRY_"


def set_all(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ("keyword environment file DD STATSD", "keyword"),
        ("environment file DD STATSD", "environment"),
        ("file DD STATSD", "file"),
        ("DD STATSD", "DD"),
        ("STATSD", "STATSD"),
        ("", "127.0.0.1"),
    ],
)
def test_the_stronger_source_wins(sources: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    present = sources.split()
    for source, name in (
        ("environment", f"{ENV}STATSD_HOST"),
        ("DD", "DD_AGENT_HOST"),
        ("STATSD", "STATSD_HOST"),
    ):
        if source in present:
            monkeypatch.setenv(name, source)
    if "file" in present:
        Path(".env").write_text(f"{ENV}STATSD_HOST=file\n")

    settings = load(statsd_host="keyword") if "keyword" in present else load()

    assert settings.statsd_host == expected
    assert settings.statsd_receiver_was_set == bool(present)


@pytest.mark.parametrize(
    ("variables", "field", "expected"),
    [
        ({"DD_AGENT_HOST": "agent"}, "statsd_host", "agent"),
        ({"DD_AGENT_HOST": "agent"}, "statsd_dialect", "datadog"),
        ({"DD_AGENT_HOST": "agent"}, "statsd_timer_type", "d"),
        ({"DD_AGENT_HOST": "agent", f"{ENV}STATSD_DIALECT": "statsd"}, "statsd_dialect", "statsd"),
        ({"DD_AGENT_HOST": "agent", f"{ENV}STATSD_HOST": "mine"}, "statsd_dialect", "statsd"),
        ({"STATSD_HOST": "daemon"}, "statsd_dialect", "statsd"),
        ({"DD_DOGSTATSD_PORT": "8126"}, "statsd_port", 8126),
        ({"DD_DOGSTATSD_PORT": "8126"}, "statsd_dialect", "statsd"),
        ({"DD_DOGSTATSD_URL": "udp://agent:9999"}, "statsd_host", "agent"),
        ({"DD_DOGSTATSD_URL": "udp://agent:9999"}, "statsd_port", 9999),
        ({"DD_DOGSTATSD_URL": "udp://agent:9999"}, "statsd_dialect", "datadog"),
        ({"DD_DOGSTATSD_URL": "agent:9999"}, "statsd_port", 9999),
        ({"DD_DOGSTATSD_URL": "udp://[::1]:9999"}, "statsd_host", "::1"),
        ({"DD_DOGSTATSD_URL": "udp://one", "DD_AGENT_HOST": "two"}, "statsd_host", "one"),
        ({"DD_DOGSTATSD_URL": "udp://one", "DD_DOGSTATSD_PORT": "8126"}, "statsd_port", 8126),
        ({"DD_DOGSTATSD_URL": "udp://one:9999", "DD_DOGSTATSD_PORT": "8126"}, "statsd_port", 9999),
        ({"DD_DOGSTATSD_URL": "udp://one:9999", f"{ENV}STATSD_HOST": "mine"}, "statsd_port", 8125),
        ({"DD_DOGSTATSD_URL": "udp://a..b:9999"}, "statsd_port", 8125),
        ({"DD_AGENT_HOST": "agent", f"{ENV}STATSD_PORT": "9999"}, "statsd_port", 9999),
        ({"DD_AGENT_HOST": "agent", "STATSD_PORT": "9125"}, "statsd_port", 8125),
        ({"STATSD_HOST": "daemon", "DD_DOGSTATSD_PORT": "8126", "STATSD_PORT": "9125"}, "statsd_port", 9125),
        ({"DD_DOGSTATSD_PORT": "8126", "STATSD_PORT": "9125"}, "statsd_port", 8126),
        ({"STATSD_PORT": "9125", f"{ENV}STATSD_HOST": "mine"}, "statsd_port", 9125),
        ({"STATSD_PORT": "9125"}, "statsd_port", 9125),
        ({"DD_DOGSTATSD_URL": "unix:///dsd.socket"}, "statsd_socket", "unix:///dsd.socket"),
        ({"DD_DOGSTATSD_URL": "unix:///dsd.socket"}, "statsd_dialect", "datadog"),
        ({"DD_DOGSTATSD_URL": "unix:///dsd.socket"}, "statsd_receiver_was_set", True),
        ({"DD_DOGSTATSD_URL": "unixstream:///x", "DD_AGENT_HOST": "a"}, "statsd_socket", "unixstream:///x"),
        ({"DD_DOGSTATSD_URL": "unixgram:///x"}, "statsd_socket", "unixgram:///x"),
        ({"DD_DOGSTATSD_URL": "unix-agent:8126"}, "statsd_host", "unix-agent"),
        ({"DD_DOGSTATSD_URL": "unix-agent:8126"}, "statsd_port", 8126),
        ({"DD_DOGSTATSD_URL": "unix-agent:8126"}, "statsd_socket", None),
        ({"DD_DOGSTATSD_URL": "unix:///dsd.socket", f"{ENV}STATSD_HOST": "mine"}, "statsd_socket", None),
        ({"DD_DOGSTATSD_URL": "unix:///dsd.socket", f"{ENV}STATSD_HOST": "mine"}, "statsd_dialect", "statsd"),
        ({f"{ENV}STATSD_SOCKET": "/mine", "DD_AGENT_HOST": "agent"}, "statsd_socket", "/mine"),
        ({f"{ENV}STATSD_SOCKET": "/mine", "DD_AGENT_HOST": "agent"}, "statsd_dialect", "statsd"),
        ({f"{ENV}STATSD_SOCKET": "/mine", f"{ENV}STATSD_HOST": "mine"}, "statsd_socket", "/mine"),
        ({"STATSD_PREFIX": "acme"}, "statsd_prefix", "acme"),
        ({"STATSD_MAXUDPSIZE": "512"}, "statsd_max_payload_bytes", 512),
        ({"DD_ENTITY_ID": "ci-1"}, "statsd_entity_id", "ci-1"),
        ({"DD_EXTERNAL_ENV": "it-false,cn-web"}, "statsd_external_env", "it-false,cn-web"),
        ({"DD_SERVICE": "billing"}, "service", "billing"),
        ({"DD_ENV": "prod"}, "env", "prod"),
        ({"DD_VERSION": "1.2"}, "version", "1.2"),
        ({"DD_TAGS": "team:core tier:free"}, "tags", {"team": "core", "tier": "free"}),
        ({"DD_SERVICE": "theirs", f"{ENV}SERVICE": "mine"}, "service", "mine"),
    ],
)
def test_variables_of_other_tools_are_borrowed(
    variables: dict[str, str], field: str, expected: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_all(monkeypatch, variables)

    assert getattr(load(), field) == expected


def test_a_host_said_in_code_beats_a_socket_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {f"{ENV}STATSD_SOCKET": "/mine"})

    assert load(statsd_host="10.0.0.7").statsd_socket is None
    assert load(statsd_host="10.0.0.7", statsd_socket="/said").statsd_socket == "/said"
    assert load(statsd_socket=None).statsd_socket is None


def test_a_host_of_the_environment_beats_a_socket_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(f"{ENV}STATSD_SOCKET=/mine")
    set_all(monkeypatch, {f"{ENV}STATSD_HOST": "mine"})

    assert load().statsd_socket is None


@pytest.mark.parametrize(
    ("variables", "field", "expected", "warning"),
    [
        (
            {"STATSD_PORT": "tcp://10.0.0.1:8125"},
            "statsd_port",
            8125,
            "STATSD_PORT='tcp://10.0.0.1:8125' is ignored: should be a whole number from 1 to 65535",
        ),
        (
            {f"{ENV}STATSD_PORT": "tcp://10.0.0.1:8125"},
            "statsd_port",
            8125,
            "QUEUE_TELEMETRY_STATSD_PORT='tcp://10.0.0.1:8125' is ignored: should be a whole number from 1 to 65535",
        ),
        (
            {"DD_DOGSTATSD_URL": "unix://dsd.socket", "DD_AGENT_HOST": "agent"},
            "statsd_socket",
            None,
            (
                "DD_DOGSTATSD_URL='unix://dsd.socket' is ignored: should be the absolute path of a Unix socket in at most 103 bytes, such as "
                "/var/run/datadog/dsd.socket, or unix://, unixgram:// or unixstream:// before it"
            ),
        ),
        (
            {"DD_DOGSTATSD_URL": "tcp://agent:8125"},
            "statsd_host",
            "127.0.0.1",
            "DD_DOGSTATSD_URL='tcp://agent:8125' is ignored: should be udp://host:port or unix:///path",
        ),
        (
            {"DD_DOGSTATSD_URL": "udp://agent:port"},
            "statsd_host",
            "127.0.0.1",
            "DD_DOGSTATSD_URL='udp://agent:port' is ignored: should be udp://host:port or unix:///path",
        ),
        (
            {"DD_AGENT_HOST": "http://agent", "STATSD_HOST": "daemon"},
            "statsd_host",
            "daemon",
            "DD_AGENT_HOST='http://agent' is ignored: should be a host name or an IP address, without a scheme or a port",
        ),
        (
            {"DD_AGENT_HOST": "http://agent"},
            "statsd_dialect",
            "statsd",
            "DD_AGENT_HOST='http://agent' is ignored: should be a host name or an IP address, without a scheme or a port",
        ),
        (
            {"DD_TAGS": "shell"},
            "tags",
            {},
            "DD_TAGS='shell' is ignored: should be key:value pairs, such as team:core,tier:free",
        ),
        (
            {"STATSD_MAXUDPSIZE": "9"},
            "statsd_max_payload_bytes",
            None,
            "STATSD_MAXUDPSIZE='9' is ignored: should be a whole number from 64 to 65507",
        ),
    ],
)
def test_a_borrowed_value_that_cannot_be_used_is_ignored_with_one_warning(
    variables: dict[str, str],
    field: str,
    expected: object,
    warning: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    set_all(monkeypatch, variables)

    assert getattr(load(), field) == expected
    load()
    assert caplog.messages == [warning]


def test_a_borrowed_value_that_nobody_needs_is_not_mentioned(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    set_all(monkeypatch, {"DD_DOGSTATSD_URL": "unix:///dsd.socket", "STATSD_PORT": "tcp://10.0.0.1:1"})

    load(statsd_host="mine", statsd_port=8125)

    assert caplog.messages == []


def test_names_that_platforms_make_up_are_passed_over_in_silence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    set_all(
        monkeypatch,
        {
            f"{ENV}SERVICE_HOST": "10.0.0.1",
            f"{ENV}SERVICE_PORT_STATSD": "8125",
            f"{ENV}PORT": "tcp://10.0.0.1:8125",
            f"{ENV}PORT_8125_UDP_PROTO": "udp",
        },
    )

    assert load().service is None
    assert caplog.messages == []


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_variable_counts_as_unset(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(
        monkeypatch,
        {f"{ENV}SERVICE": empty, f"{ENV}STATSD_PORT": empty, f"{ENV}TYPO": empty, "DD_ENV": empty},
    )
    Path(".env").write_text(f"{ENV}SERVICE=file\n")

    settings = load()

    assert settings.service == "file"
    assert settings.statsd_port == 8125
    assert settings.env is None


def test_white_space_around_a_variable_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(
        monkeypatch,
        {f"{ENV}LOG_TOKEN": " abc\n", f"{ENV}ENABLED": "false ", "DD_DOGSTATSD_URL": " udp://agent:1 "},
    )

    settings = load()

    assert settings.log_token is not None
    assert (settings.log_token.get_secret_value(), settings.enabled) == ("abc", False)
    assert (settings.statsd_host, settings.statsd_port) == ("agent", 1)


def test_borrowed_variables_come_from_the_file_too_and_the_environment_is_stronger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path(".env").write_text("DD_AGENT_HOST=file\nDD_SERVICE=file\n")
    monkeypatch.setenv("DD_AGENT_HOST", "environment")

    settings = load()

    assert (settings.statsd_host, settings.service) == ("environment", "file")


def test_the_file_does_not_reach_the_process_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("DD_SERVICE=file\n")
    load()
    Path(".env").unlink()

    assert load().service is None


def test_the_case_of_our_variables_does_not_matter_and_upper_case_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("queue_telemetry_service", "lower")
    assert load().service == "lower"

    monkeypatch.setenv("QUEUE_TELEMETRY_SERVICE", "upper")
    assert load().service == "upper"

    monkeypatch.delenv("queue_telemetry_service")
    monkeypatch.setenv("queue_telemetry_service", "lower, and later")
    assert load().service == "upper"


def test_none_as_a_keyword_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{ENV}LOG_URL", "https://logs.example.com/")

    assert load(log_url=None).task_logs == "none"


def test_every_borrowed_variable_belongs_to_a_setting() -> None:
    assert {field for field, _ in _sources._BORROWED} <= Settings.model_fields.keys()


def test_a_long_value_is_cut() -> None:
    assert len(_sources.shown("x" * 1000)) < 100


def test_a_number_too_large_to_show_is_shown_by_its_type() -> None:
    assert _sources.shown(10**6000) == "<int>"


def test_an_object_that_cannot_be_shown_is_shown_by_its_type() -> None:
    class Rude:
        def __repr__(self) -> str:
            raise RuntimeError

    assert _sources.shown(Rude()) == "<Rude>"
