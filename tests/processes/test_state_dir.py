import logging
import os
import stat
from pathlib import Path

import pytest

from queue_telemetry._runtime import log
from queue_telemetry.processes import private_dir


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of the test's own, and a log that has said nothing yet."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr(log, "_last", {})
    return folder


def _mode(folder: Path) -> int:
    return stat.S_IMODE(folder.stat().st_mode)


def test_the_default_is_by_user_and_service(temporary: Path) -> None:
    folder = private_dir(None, "billing")

    assert temporary / f"queue_telemetry-{os.geteuid()}" / "billing" == folder
    assert 0o700 == _mode(folder)
    assert 0o700 == _mode(folder.parent)


def test_it_is_found_again() -> None:
    assert private_dir(None, "billing") == private_dir(None, "billing")


@pytest.mark.parametrize(
    ("service", "name"),
    [
        (None, "default"),
        ("", "default"),
        ("..", "default"),
        ("../../etc", "_.._etc"),
        ("my service/é", "my_service__"),
        ("a" * 300, "a" * 64),
        ("nul\0", "nul_"),
    ],
)
def test_a_service_becomes_one_safe_file_name(service: str | None, name: str) -> None:
    folder = private_dir(None, service)

    assert folder is not None
    assert name == folder.name
    assert f"queue_telemetry-{os.geteuid()}" == folder.parent.name


def test_a_configured_folder_is_made_with_its_parents_and_used_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "app"

    assert folder == private_dir(folder, "billing")
    assert 0o700 == _mode(folder)


def test_an_empty_folder_of_ours_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    folder.chmod(0o777)

    assert folder == private_dir(folder, None)
    assert 0o700 == _mode(folder)


def test_a_folder_that_was_used_for_this_is_closed_again(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    (folder / "slots").mkdir(parents=True)
    folder.chmod(0o755)

    assert folder == private_dir(folder, None)
    assert 0o700 == _mode(folder)


def test_the_default_is_closed_whatever_it_holds() -> None:
    folder = private_dir(None, None)
    assert folder is not None
    (folder / "file").touch()
    folder.chmod(0o755)

    assert folder == private_dir(None, None)
    assert 0o700 == _mode(folder)


def test_a_folder_that_holds_something_else_keeps_its_mode_and_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "server.sock").touch()
    folder.chmod(0o755)

    assert private_dir(folder, None) is None
    assert 0o755 == _mode(folder)


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")

    assert private_dir(link, None) is None


def test_a_link_in_place_of_the_users_folder_is_refused(temporary: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (temporary / f"queue_telemetry-{os.geteuid()}").symlink_to(tmp_path / "real")

    assert private_dir(None, None) is None
    assert [] == list((tmp_path / "real").iterdir())


def test_a_dangling_link_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "absent")

    assert private_dir(link, None) is None
    assert not (tmp_path / "absent").exists()


def test_a_foreign_owner_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        folder = tmp_path / "foreign"
        folder.mkdir(mode=0o700)
        os.chown(folder, 12345, -1)
    else:
        folder = Path("/usr")

    assert private_dir(folder, None) is None


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert private_dir(tmp_path / "file", None) is None
    assert private_dir(tmp_path / "file" / "below", None) is None


def test_a_path_that_is_none_is_refused(tmp_path: Path) -> None:
    assert private_dir(Path("nul\0"), None) is None


def test_a_refusal_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()

    with caplog.at_level(logging.WARNING, logger="queue_telemetry"):
        private_dir(tmp_path / "file", None)
        private_dir(tmp_path / "file", None)

    assert 1 == len(caplog.records)
    assert "STATE_DIR" in caplog.text
