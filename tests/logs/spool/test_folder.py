"""Folders that somebody else could plant something in are refused, and links are not followed."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs.spool._folder import check_setting, entered


def _link(path: Path) -> None:
    path.with_name("real").mkdir()
    path.symlink_to(path.with_name("real"))


def _dangling(path: Path) -> None:
    path.symlink_to(path.with_name("absent"))


def _writable(mode: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.mkdir()
        path.chmod(mode)

    return make


def _below_a_file(path: Path) -> None:
    path.parent.rmdir()
    path.parent.touch()


def _foreign(path: Path) -> None:
    path.mkdir(mode=0o700)
    os.chown(path, 12345, -1)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_link, "is a link"),
        (_dangling, "is a link"),
        (Path.touch, "no directory"),
        (_below_a_file, "no directory"),
        (_writable(0o770), "can be written by other users"),
        (_writable(0o702), "can be written by other users"),
        pytest.param(
            _foreign, "belongs to user 12345", marks=pytest.mark.skipif(os.geteuid() != 0, reason="chown")
        ),
    ],
    ids=["link", "dangling link", "file", "below a file", "group", "world", "foreign"],
)
def test_what_can_never_be_used_is_refused_at_the_start(
    tmp_path: Path, make: Callable[[Path], None], says: str
) -> None:
    (tmp_path / "var").mkdir()
    folder = tmp_path / "var" / "spool"
    make(folder)

    with pytest.raises(ConfigurationError, match=f"LOG_SPOOL_DIR is '{folder}', which .*{says}"):
        check_setting(folder)


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="LOG_SPOOL_DIR"):
        check_setting(Path("nul\0"))


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755])
def test_an_own_folder_that_others_may_read_is_taken(tmp_path: Path, mode: int) -> None:
    _writable(mode)(tmp_path / "spool")

    check_setting(tmp_path / "spool")


def test_a_folder_that_does_not_exist_yet_is_taken(tmp_path: Path) -> None:
    check_setting(tmp_path / "not" / "yet")

    assert not (tmp_path / "not").exists()


def test_entering_makes_what_is_missing_and_leaves_no_descriptor(
    tmp_path: Path, descriptors: Callable[[], int]
) -> None:
    before = descriptors()

    with entered(tmp_path / "a" / "b", "c", make=True) as descriptor:
        assert os.path.samestat(os.fstat(descriptor), (tmp_path / "a" / "b" / "c").stat())

    assert before == descriptors()


def test_entering_makes_nothing_unless_asked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), entered(tmp_path / "a", "c", make=False):
        pass

    assert not (tmp_path / "a").exists()


def test_a_refusal_leaves_no_descriptor(tmp_path: Path, descriptors: Callable[[], int]) -> None:
    (tmp_path / "a").mkdir(mode=0o700)
    (tmp_path / "a" / "b").symlink_to(tmp_path)
    before = descriptors()

    with pytest.raises(OSError, match=r"directory|links"), entered(tmp_path / "a", "b", make=True):
        pass

    assert before == descriptors()


def test_what_is_made_above_the_folder_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with entered(tmp_path / "a" / "b" / "spool", "c", make=True):
            pass
    finally:
        os.umask(before)

    assert {0o700} == {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert 4 == len(list(tmp_path.rglob("*")))
