"""A directory belongs to whoever has its lock, and to nobody else."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from queue_telemetry.logs.spool._locked_directory import LockedDirectory


@pytest.fixture
def above(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def own(above: int) -> Iterator[LockedDirectory]:
    made = LockedDirectory.make(above, "own")
    assert made is not None
    yield made
    made.release()


def test_a_name_that_is_taken_is_none(above: int, own: LockedDirectory) -> None:
    assert LockedDirectory.make(above, own.name) is None


def test_it_cannot_be_taken_over_before_it_is_released(above: int, own: LockedDirectory) -> None:
    assert LockedDirectory.take_over(above, "own") is None

    own.release()
    heir = LockedDirectory.take_over(above, "own")

    assert heir is not None
    heir.release()


@pytest.mark.parametrize("what", ["nothing", "file", "link"])
def test_what_is_no_directory_is_not_taken_over(above: int, tmp_path: Path, what: str) -> None:
    if what == "file":
        (tmp_path / "own").touch()
    elif what == "link":
        (tmp_path / "real").mkdir()
        (tmp_path / "own").symlink_to(tmp_path / "real")

    assert LockedDirectory.take_over(above, "own") is None


def test_one_that_others_can_write_is_not_taken_over(above: int, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own").chmod(0o777)

    assert LockedDirectory.take_over(above, "own") is None


def test_its_end_is_noticed(own: LockedDirectory, tmp_path: Path) -> None:
    assert own.is_linked
    (tmp_path / "own" / "owner.lock").unlink()

    assert not own.is_linked


def test_removing_takes_it_away(above: int, own: LockedDirectory, tmp_path: Path) -> None:
    own.remove(above)

    assert not (tmp_path / "own").exists()
    assert -1 == own.number


def test_one_with_something_in_it_is_not_removed(above: int, own: LockedDirectory, tmp_path: Path) -> None:
    (tmp_path / "own" / "file").touch()

    with pytest.raises(OSError, match="not empty"):
        own.remove(above)
    assert own.is_linked


def test_a_file_system_without_locks_leaves_nothing_behind(
    above: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, descriptors: Callable[[], int]
) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.flock", unsupported)
    before = descriptors()

    with pytest.raises(OSError, match="No locks"):
        LockedDirectory.make(above, "own")

    assert [] == list(tmp_path.iterdir())
    assert before == descriptors()


def test_one_that_an_adopter_took_for_abandoned_is_not_kept(
    above: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(descriptor: int, operation: int) -> None:  # the adopter was faster, and found it empty
        (tmp_path / "own" / "owner.lock").unlink()
        (tmp_path / "own").rmdir()

    monkeypatch.setattr("fcntl.flock", slow)

    assert LockedDirectory.make(above, "own") is None
