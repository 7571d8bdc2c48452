import copy
import pickle
from pathlib import Path

import pydantic
import pytest

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs.formats import FORMATS, JsonFormat
from queue_telemetry.settings import Settings
from queue_telemetry.settings._wording import SECRET_FIELDS


def test_the_defaults_are_the_documented_ones() -> None:
    assert Settings().model_dump() == {
        "enabled": True,
        "service": None,
        "env": None,
        "version": None,
        "tags": {},
        "worker_id": None,
        "statsd_host": "127.0.0.1",
        "statsd_port": 8125,
        "statsd_socket": None,
        "statsd_dialect": "statsd",
        "statsd_prefix": None,
        "statsd_entity_id": None,
        "statsd_external_env": None,
        "statsd_flush_interval_s": 2,
        "statsd_max_payload_bytes": None,
        "statsd_timer_type": "ms",
        "statsd_max_samples": 512,
        "log_url": None,
        "log_format": "ndjson",
        "log_token": None,
        "log_headers": {},
        "log_level": "INFO",
        "log_batch_bytes": 1024 * 1024,
        "log_linger_s": 1,
        "log_max_memory_bytes": 32 * 1024 * 1024,
        "log_spool_dir": None,
        "log_durability": "memory",
        "log_spool_max_bytes": 256 * 1024 * 1024,
        "log_spool_max_age_s": 43_200,
        "log_tls_ca": None,
        "log_tls_cert": None,
        "log_tls_key": None,
        "log_proxy": None,
        "log_capture_stdlib": False,
        "log_redact_keys": (),
        "task_logs": "none",
        "max_series": 1000,
        "flush_each_task": False,
        "task_logs_per_error": 5,
        "slow_task_s": 0,
        "stuck_task_s": 0,
        "state_dir": None,
        "health_host": "127.0.0.1",
        "health_port": None,
        "health_agent_port": None,
        "health_token": None,
        "health_heartbeat_max_age_s": 60,
        "health_min_workers": 0,
        "health_failure_ratio": 0.25,
        "health_failure_min_tasks": 20,
        "health_queue_size_max": 0,
        "health_oldest_task_age_max_s": 0,
        "health_wait_p95_max_s": 0,
        "health_retry_ratio": 0.5,
        "health_utilisation_max": 0.9,
        "health_fail_on": (),
        "health_interval_s": 5,
        "health_drain_on_sigterm": False,
        "health_alerts": True,
        "health_alert_cooldown_s": 300,
        "health_alert_grace_s": 60,
        "probe_interval_s": 15,
    }
    assert Settings().statsd_receiver_was_set is False


def test_values_are_taken_as_text_or_as_what_they_are() -> None:
    text = Settings(
        enabled="false",
        tags="team:core",
        statsd_port="9125",
        log_level="debug",
        log_headers="X-Key=a",
        log_redact_keys="iban, pin",
        state_dir="/run/x",
    )
    typed = Settings(
        enabled=False,
        tags={"team": "core"},
        statsd_port=9125,
        log_level="DEBUG",
        log_headers={"X-Key": "a"},
        log_redact_keys=["iban", "pin"],
        state_dir=Path("/run/x"),
    )

    assert text == typed
    assert typed.log_headers["X-Key"].get_secret_value() == "a"


@pytest.mark.parametrize(
    ("dialect", "timer_type", "taken"),
    [
        ("statsd", None, "ms"),
        ("statsd", "ms", "ms"),
        ("graphite", None, "ms"),
        ("datadog", None, "d"),
        ("datadog", "ms", "ms"),
        ("datadog", "h", "h"),
        ("datadog", "d", "d"),
    ],
)
def test_the_timer_type_follows_the_dialect_unless_set(
    dialect: str, timer_type: str | None, taken: str
) -> None:
    assert Settings(statsd_dialect=dialect, statsd_timer_type=timer_type).statsd_timer_type == taken


@pytest.mark.parametrize(
    ("dialect", "samples", "expected"),
    [
        ("statsd", None, 512),
        ("graphite", None, 512),
        ("datadog", None, 4096),
        ("statsd", 9, 9),
        ("datadog", "7", 7),
    ],
)
def test_samples_are_fewer_where_each_is_a_line_unless_set(
    dialect: str, samples: object, expected: int
) -> None:
    assert Settings(statsd_dialect=dialect, statsd_max_samples=samples).statsd_max_samples == expected


@pytest.mark.parametrize("interval_s", [0.1, 0.125, 0.2, 0.25, 0.4, 0.5, 0.625, 1, 1.25, 2, "2.5", 5, 10])
def test_windows_that_divide_ten_seconds_are_taken(interval_s: object) -> None:
    assert Settings(statsd_flush_interval_s=interval_s).statsd_flush_interval_s == float(str(interval_s))


@pytest.mark.parametrize(
    ("url", "task_logs", "taken"),
    [
        (None, None, "none"),
        ("http://c/", None, "all"),
        ("http://c/", "failures", "failures"),
        (None, "outcomes", "outcomes"),
    ],
)
def test_lifecycle_records_are_written_when_they_are_shipped_unless_set(
    url: str | None, task_logs: str | None, taken: str
) -> None:
    assert Settings(log_url=url, task_logs=task_logs).task_logs == taken


PORT = "a whole number from 1 to 65535"
HOST = "a host name or an IP address, without a scheme or a port"
SOCKET = (
    "the absolute path of a Unix socket in at most 103 bytes, such as /var/run/datadog/dsd.socket, or unix://, unixgram:// or "
    "unixstream:// before it"
)
URL = "an http or https URL with a host, such as https://logs.example.com/ingest"
HEADERS = "Name=value pairs in printable ASCII, such as X-Scope=core,X-Source=worker, without Host, Connection and the like"
TEXT = "text that is not empty"
COUNT = "a whole number from 1 to 1000000"
REASONS = (
    "reasons separated by commas, of configuration_invalid, failure_ratio, heartbeat_stale, oldest_task_age, "
    "probe_stale, queue_size, retry_storm, saturation, stuck_task, telemetry_failing, wait_p95, workers_below_minimum"
)
COUNT_OR_OFF = "a whole number from 0 to 1000000000"
AGE = "a number from 0 to 31536000"
SECRET = "**********"
FORMAT = "ndjson, json, datadog, loki, elasticsearch, splunk, otlp, or an object with the members of queue_telemetry.logs.formats.Format"
FILE = "the path of a file that can be read"
PROXY = "an http or https URL with a host, such as http://proxy.example.com:3128"


@pytest.mark.parametrize(
    ("field", "value", "shown", "right"),
    [
        ("enabled", "maybe", "'maybe'", "true or false"),
        ("service", "", "''", TEXT),
        ("env", 5, "5", TEXT),
        ("version", "\udcff", "'\\udcff'", TEXT),
        ("tags", "shell", "'shell'", "key:value pairs, such as team:core,tier:free"),
        ("worker_id", [], "[]", TEXT),
        ("statsd_host", "agent:8125", "'agent:8125'", HOST),
        ("statsd_host", "a..b", "'a..b'", HOST),
        ("statsd_host", None, "None", HOST),
        ("statsd_port", "80x25", "'80x25'", PORT),
        ("statsd_port", 0, "0", PORT),
        ("statsd_port", 65536, "65536", PORT),
        ("statsd_socket", "dsd.socket", "'dsd.socket'", SOCKET),
        ("statsd_socket", "tcp:///a", "'tcp:///a'", SOCKET),
        ("statsd_socket", "/" + "x" * 200, "'/" + "x" * 78 + "...", SOCKET),
        ("statsd_dialect", "influx", "'influx'", "statsd, graphite or datadog"),
        (
            "statsd_prefix",
            "a b",
            "'a b'",
            "a name such as billing.prod: ASCII letters, digits, _ and -, a letter first, at most 100 characters",
        ),
        ("statsd_entity_id", "a|b", "'a|b'", "at most 200 visible ASCII characters without |"),
        ("statsd_external_env", "a b", "'a b'", "at most 200 visible ASCII characters without |"),
        ("statsd_flush_interval_s", 0.05, "0.05", "a number from 0.1 to 10"),
        ("statsd_flush_interval_s", "nan", "'nan'", "a number from 0.1 to 10"),
        (
            "statsd_flush_interval_s",
            "3",
            "'3'",
            "2.5 or 5, a whole number of which makes the 10 s of receivers",
        ),
        ("statsd_max_payload_bytes", 63, "63", "a whole number from 64 to 65507"),
        ("statsd_timer_type", "d", "'d'", "ms, the only timer of the dialect statsd"),
        ("statsd_timer_type", "s", "'s'", "ms, h or d"),
        ("statsd_timer_type", [], "[]", "ms, h or d"),
        ("statsd_max_samples", 0, "0", COUNT),
        ("log_url", "logs.example.com", SECRET, URL),
        ("log_url", "http://user:pass@c:pass/", SECRET, URL),
        ("log_format", "gelf", "'gelf'", FORMAT),
        ("log_format", 5, "5", FORMAT),
        ("log_token", "a b", SECRET, "printable ASCII without white space"),
        ("log_headers", "X-Key", SECRET, HEADERS),
        ("log_headers", {"X-Key": "a\r\nb"}, SECRET, HEADERS),
        ("log_headers", {"X-Key": 5}, SECRET, HEADERS),
        ("log_level", "LOUD", "'LOUD'", "TRACE, DEBUG, INFO, SUCCESS, WARNING, ERROR or CRITICAL"),
        ("log_batch_bytes", 17 * 1024 * 1024, "17825792", "a whole number from 1024 to 16777216"),
        ("log_linger_s", 0, "0", "a number from 0.01 to 60"),
        ("log_max_memory_bytes", 1048576, "1048576", "at least 2097152, twice log_batch_bytes"),
        ("log_max_memory_bytes", 1, "1", "a whole number from 2048 to 1099511627776"),
        ("log_spool_dir", 5, "5", "the path of a directory"),
        ("log_spool_dir", "~/spool", "'~/spool'", "the path of a directory"),
        ("log_durability", "wal", "'wal'", "memory, or log_spool_dir set as well"),
        ("log_durability", "spill", "'spill'", "memory, or log_spool_dir set as well"),
        ("log_durability", "disk", "'disk'", "memory, spill or wal"),
        ("log_spool_max_bytes", 1, "1", "a whole number from 16777216 to 1099511627776"),
        ("log_spool_max_age_s", 59, "59", "a number from 60 to 31536000"),
        ("log_tls_ca", "none.pem", "'none.pem'", f"{FILE}, with certificates in PEM"),
        ("log_tls_ca", ".", "'.'", f"{FILE}, with certificates in PEM"),
        ("log_tls_cert", "a\0b", "'a\\x00b'", f"{FILE}, with a certificate in PEM"),
        ("log_tls_cert", "x" * 5000, f"{repr('x' * 5000)[:80]}...", f"{FILE}, with a certificate in PEM"),
        (
            "log_tls_key",
            __file__,
            repr(__file__),
            f"{FILE}, with the key of log_tls_cert, which is to be set as well",
        ),
        ("log_proxy", "socks5://user:s3cr3t@proxy:1080", SECRET, PROXY),
        ("log_proxy", "proxy:3128", SECRET, PROXY),
        ("log_capture_stdlib", "maybe", "'maybe'", "true or false"),
        ("log_redact_keys", 5, "5", "names separated by commas, such as card_number,iban"),
        ("task_logs", "some", "'some'", "all, outcomes, failures or none"),
        ("max_series", 10**9, "1000000000", COUNT),
        ("state_dir", 5, "5", "the path of a directory"),
        ("health_heartbeat_max_age_s", -1, "-1", AGE),
        ("health_min_workers", -1, "-1", COUNT_OR_OFF),
        ("health_failure_ratio", 1.5, "1.5", "a number from 0 to 1"),
        ("health_failure_min_tasks", 0, "0", COUNT),
        ("health_queue_size_max", "many", "'many'", COUNT_OR_OFF),
        ("health_oldest_task_age_max_s", "inf", "'inf'", AGE),
        ("health_wait_p95_max_s", "long", "'long'", AGE),
        ("health_retry_ratio", 2, "2", "a number from 0 to 1"),
        ("health_utilisation_max", -0.1, "-0.1", "a number from 0 to 1"),
        ("health_fail_on", "queue_size,backlog", "'queue_size,backlog'", REASONS),
        ("health_interval_s", 0.5, "0.5", "a number from 1 to 60"),
        ("health_drain_on_sigterm", "maybe", "'maybe'", "true or false"),
        ("health_alerts", "maybe", "'maybe'", "true or false"),
        ("health_alert_cooldown_s", -1, "-1", "a number from 0 to 86400"),
        ("health_alert_grace_s", 3601, "3601", "a number from 0 to 3600"),
        ("stuck_task_s", -1, "-1", AGE),
        ("slow_task_s", "soon", "'soon'", AGE),
        ("task_logs_per_error", -1, "-1", COUNT_OR_OFF),
        ("probe_interval_s", 0, "0", "a number from 1 to 60"),
    ],
)
def test_a_wrong_value_is_answered_with_what_would_be_right(
    field: str, value: object, shown: str, right: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings(**{field: value})

    assert str(caught.value) == f"{field}={shown}: should be {right}"


class Gelf(JsonFormat):
    name = "gelf"


@pytest.mark.parametrize("choice", [*FORMATS, " NDJSON"])
def test_a_format_has_a_name_in_any_case(choice: str) -> None:
    assert Settings(log_format=choice).log_format == choice.strip().lower()


def test_a_format_may_be_an_object_of_the_users() -> None:
    gelf = Gelf()
    settings = Settings(log_format=gelf)

    assert settings.log_format is gelf
    assert '"log_format":"gelf"' in settings.model_dump_json()


def test_what_waits_on_disk_needs_a_folder() -> None:
    settings = Settings(log_durability="wal", log_spool_dir="/var/spool/app")

    assert (settings.log_durability, settings.log_spool_dir) == ("wal", Path("/var/spool/app"))


def test_a_wrong_folder_is_not_said_twice() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings(log_durability="wal", log_spool_dir=5)

    assert str(caught.value) == "log_spool_dir=5: should be the path of a directory"


def test_files_that_can_be_read_are_taken(tmp_path: Path) -> None:
    pem = tmp_path / "all.pem"
    pem.write_text("")
    settings = Settings(log_tls_ca=str(pem), log_tls_cert=pem, log_tls_key=pem)

    assert (settings.log_tls_ca, settings.log_tls_cert, settings.log_tls_key) == (pem, pem, pem)


def test_no_error_of_pydantic_is_behind_ours() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings(statsd_port=0)

    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


def test_the_default_memory_holds_two_of_the_largest_batches() -> None:
    assert Settings(log_batch_bytes=16 * 1024 * 1024).log_max_memory_bytes == 2 * 16 * 1024 * 1024


def test_it_cannot_be_changed() -> None:
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        Settings().statsd_port = 1


def test_secrets_are_in_no_representation() -> None:
    settings = Settings(
        log_url="https://u:s3cr3t@c/",
        log_token="s3cr3t",
        log_headers="X-Key=s3cr3t",
        log_proxy="http://u:s3cr3t@p/",
    )

    texts = (
        repr(settings),
        str(settings),
        f"{settings}",
        repr(settings.model_dump()),
        settings.model_dump_json(),
    )
    assert [text for text in texts if "s3cr3t" in text] == []


def test_every_field_that_holds_a_secret_is_masked_in_messages() -> None:
    holding = {name for name, info in Settings.model_fields.items() if "SecretStr" in str(info.annotation)}

    assert holding == SECRET_FIELDS


def test_copies_know_what_was_set() -> None:
    settings = Settings(statsd_host="127.0.0.1")

    for twin in (copy.deepcopy(settings), pickle.loads(pickle.dumps(settings)), settings.model_copy()):
        assert twin == settings
        assert twin.statsd_receiver_was_set


def test_reasons_are_taken_in_any_case_and_as_a_list() -> None:
    assert ("queue_size", "wait_p95") == Settings(health_fail_on="Queue_Size, WAIT_P95,").health_fail_on
    assert ("saturation",) == Settings(health_fail_on=["saturation"]).health_fail_on
