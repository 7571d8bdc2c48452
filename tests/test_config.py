import os
import re
import shutil
from pathlib import Path

import pytest

from queue_telemetry.settings import Settings, load

EXAMPLES = Path(__file__).parent.parent / "config"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.upper().startswith(("QUEUE_TELEMETRY_", "DD_", "STATSD_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def loaded(name: str) -> Settings:
    """Load an example as its users do: as the `.env` file of the working directory. Unknown names are refused."""
    shutil.copy(EXAMPLES / name, ".env")
    return load()


def test_every_example_is_tested() -> None:
    assert {path.name for path in EXAMPLES.glob("*.env")} == {
        "development.env",
        "datadog-agent.env",
        "graphite.env",
        "log-collector.env",
    }


def test_development() -> None:
    assert loaded("development.env").model_dump(exclude_unset=True) == {
        "service": "billing",
        "env": "development",
        "statsd_host": "127.0.0.1",
        "statsd_port": 8125,
        "statsd_flush_interval_s": 0.5,
        "log_url": Settings(log_url="http://127.0.0.1:8080/").log_url,
        "log_level": "DEBUG",
        "log_linger_s": 0.2,
        "task_logs": "all",
    }


def test_datadog_agent() -> None:
    settings = loaded("datadog-agent.env")

    assert settings.model_dump(exclude_unset=True) == {
        "statsd_host": "datadog-agent",
        "statsd_dialect": "datadog",
        "service": "billing",
        "env": "prod",
        "version": "1.2.3",
        "tags": {"team": "core", "tier": "free"},
        "statsd_timer_type": "d",
        "statsd_max_payload_bytes": 1432,
        "state_dir": Path("/var/run/billing"),
        "health_failure_ratio": 0.1,
        "health_oldest_task_age_max_s": 300,
    }


def test_the_datadog_example_says_truly_how_to_do_without_its_variables() -> None:
    expected = loaded("datadog-agent.env")
    lines = (EXAMPLES / "datadog-agent.env").read_text().splitlines()
    ours = [line.removeprefix("#   ") for line in lines if not line.startswith("DD_")]
    Path(".env").write_text("\n".join(ours))

    assert load() == expected


def test_graphite() -> None:
    settings = loaded("graphite.env")

    assert settings.model_dump(exclude_unset=True) == {
        "statsd_host": "statsd.internal",
        "statsd_port": 8125,
        "statsd_dialect": "statsd",
        "statsd_prefix": "billing.prod",
        "statsd_timer_type": "ms",
        "statsd_flush_interval_s": 2,
        "max_series": 200,
        "service": "billing",
        "env": "prod",
        "log_url": settings.log_url,
        "log_headers": settings.log_headers,
        "task_logs": "failures",
        "log_redact_keys": ("iban", "card_number"),
    }
    assert settings.log_url is not None
    assert settings.log_url.get_secret_value() == "https://logs.example.com/ingest"
    assert {name: value.get_secret_value() for name, value in settings.log_headers.items()} == {
        "X-Api-Key": "change-me",
        "X-Source": "billing",
    }


def test_log_collector() -> None:
    settings = loaded("log-collector.env")

    assert settings.model_dump(exclude_unset=True) == {
        "service": "billing",
        "env": "prod",
        "log_format": "loki",
        "log_url": settings.log_url,
        "log_headers": settings.log_headers,
        "log_token": settings.log_token,
        "log_spool_dir": Path("/var/spool/billing"),
        "log_durability": "wal",
        "log_spool_max_bytes": 1024**3,
        "log_spool_max_age_s": 86_400,
        "log_capture_stdlib": True,
    }


def test_the_log_example_names_further_settings_rightly(tmp_path: Path) -> None:
    pem = tmp_path / "any.pem"
    pem.write_text("")
    lines = (EXAMPLES / "log-collector.env").read_text().splitlines()
    further = [line.removeprefix("#   ") for line in lines if line.startswith("#   ")]
    there = [re.sub(r"=/etc/.*", f"={pem}", line) for line in further]
    Path(".env").write_text("\n".join(there))

    assert load().model_fields_set == {"log_tls_ca", "log_tls_cert", "log_tls_key", "log_proxy"}
