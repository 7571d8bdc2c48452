"""The command writes files, says so, and refuses what it cannot do."""

import subprocess
from collections.abc import Callable
from pathlib import Path

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_what_was_written_is_said(python: Run, tmp_path: Path) -> None:
    done = python("-m", "queue_telemetry.cli", "export", "--target", "carbon", "--out", "made")

    assert (0, "") == (done.returncode, done.stderr)
    assert [
        "wrote     made/carbon/storage-schemas.conf",
        "wrote     made/carbon/storage-aggregation.conf",
    ] == done.stdout.splitlines()
    assert (tmp_path / "made" / "carbon" / "storage-schemas.conf").read_text().startswith("# ")


def test_a_file_that_is_right_is_left_alone(python: Run, tmp_path: Path) -> None:
    command = ("-m", "queue_telemetry.cli", "export", "--target", "haproxy")
    python(*command)
    path = tmp_path / "config" / "haproxy" / "haproxy.cfg"
    written_ns = path.stat().st_mtime_ns

    assert "unchanged config/haproxy/haproxy.cfg\n" == python(*command).stdout
    assert written_ns == path.stat().st_mtime_ns
    path.write_text("something else")
    assert "wrote     config/haproxy/haproxy.cfg\n" == python(*command).stdout


def test_every_target_is_written_without_one(python: Run, tmp_path: Path) -> None:
    assert 0 == python("-m", "queue_telemetry.cli", "export").returncode

    assert {"carbon", "datadog", "grafana", "haproxy", "kubernetes", "prometheus", "statsd-exporter"} == {
        path.name for path in (tmp_path / "config").iterdir()
    }


def test_settings_in_force_count(python: Run, environment: dict[str, str], tmp_path: Path) -> None:
    environment["QUEUE_TELEMETRY_HEALTH_QUEUE_SIZE_MAX"] = "4242"
    python("-m", "queue_telemetry.cli", "export", "--target", "prometheus")

    assert "> 4242" in (tmp_path / "config" / "prometheus" / "queue_telemetry.rules.yml").read_text()


def test_an_unknown_target_is_refused(python: Run) -> None:
    done = python("-m", "queue_telemetry.cli", "export", "--target", "nagios")

    assert 2 == done.returncode
    assert "no target 'nagios': grafana, " in done.stderr


def test_a_wrong_setting_is_named(python: Run, environment: dict[str, str], tmp_path: Path) -> None:
    environment["QUEUE_TELEMETRY_HEALTH_FAILURE_RATIO"] = "many"
    done = python("-m", "queue_telemetry.cli", "export")

    assert 2 == done.returncode
    assert "QUEUE_TELEMETRY_HEALTH_FAILURE_RATIO" in done.stderr
    assert not (tmp_path / "config").exists()


def test_where_nothing_can_be_written_is_said(python: Run, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file in the way")
    done = python("-m", "queue_telemetry.cli", "export")

    assert 2 == done.returncode
    assert "cannot be written" in done.stderr
