import logging
import os
import stat
from pathlib import Path

import pytest

from queue_telemetry._runtime import log
from queue_telemetry.processes import check_dir, private_dir, user_dir


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


def test_the_default_is_by_user(temporary: Path) -> None:
    folder = private_dir(None)

    assert temporary / f"queue_telemetry-{os.geteuid()}" == folder
    assert 0o700 == _mode(folder)


def test_it_is_found_again() -> None:
    assert private_dir(None) == private_dir(None)


def test_a_configured_folder_is_made_with_its_parents_and_used_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "app"

    assert folder == private_dir(folder)
    assert 0o700 == _mode(folder)


def test_an_empty_folder_that_others_may_use_keeps_its_mode_and_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)

    assert private_dir(folder) is None
    assert 0o1777 == _mode(folder)


def test_an_empty_folder_of_ours_alone_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)

    assert folder == private_dir(folder)


def test_a_folder_that_was_used_for_this_is_closed_again(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    (folder / "slots").mkdir(parents=True)
    folder.chmod(0o755)

    assert folder == private_dir(folder)
    assert 0o700 == _mode(folder)


def test_the_default_is_closed_whatever_it_holds() -> None:
    folder = private_dir(None)
    assert folder is not None
    (folder / "file").touch()
    folder.chmod(0o755)

    assert folder == private_dir(None)
    assert 0o700 == _mode(folder)


def test_a_folder_that_holds_something_else_keeps_its_mode_and_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "server.sock").touch()
    folder.chmod(0o755)

    assert private_dir(folder) is None
    assert 0o755 == _mode(folder)


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")

    assert private_dir(link) is None


def test_a_link_in_place_of_the_users_folder_is_refused(temporary: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (temporary / f"queue_telemetry-{os.geteuid()}").symlink_to(tmp_path / "real")

    assert private_dir(None) is None
    assert [] == list((tmp_path / "real").iterdir())


def test_a_dangling_link_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "absent")

    assert private_dir(link) is None
    assert not (tmp_path / "absent").exists()


def test_a_foreign_owner_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        folder = tmp_path / "foreign"
        folder.mkdir(mode=0o700)
        os.chown(folder, 12345, -1)
    else:
        folder = Path("/usr")

    assert private_dir(folder) is None


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert private_dir(tmp_path / "file") is None
    assert private_dir(tmp_path / "file" / "below") is None


def test_a_path_that_is_none_is_refused(tmp_path: Path) -> None:
    assert private_dir(Path("nul\0")) is None


def test_a_refusal_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()

    with caplog.at_level(logging.WARNING, logger="queue_telemetry"):
        private_dir(tmp_path / "file")
        private_dir(tmp_path / "file")

    assert 1 == len(caplog.records)
    assert "STATE_DIR" in caplog.text


def test_a_folder_to_read_in_is_found_and_not_made(temporary: Path) -> None:
    folder = user_dir(str(temporary))
    with pytest.raises(FileNotFoundError):
        check_dir(folder)
    assert [] == list(temporary.iterdir())

    assert folder == private_dir(None)
    check_dir(folder)


@pytest.mark.parametrize("kind", ["link", "file", "open", "foreign"])
def test_a_folder_that_is_not_to_be_trusted_is_not_read(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "state"
    match kind:
        case "link":
            (tmp_path / "real").mkdir(mode=0o700)
            folder.symlink_to(tmp_path / "real")
        case "file":
            folder.touch()
        case "open":
            folder.mkdir()
            folder.chmod(0o750)
        case "foreign":
            folder.mkdir(mode=0o700)
            monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)

    with pytest.raises(OSError):
        check_dir(folder)


def test_root_reads_where_another_user_works(tmp_path: Path) -> None:
    """As when a probe is run in a container by its own user."""
    if os.geteuid() != 0:
        pytest.skip("only root gives folders away")
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    os.chown(folder, 12345, -1)

    check_dir(folder)
