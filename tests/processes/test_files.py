import os
import socket
import stat
from pathlib import Path

import pytest

from queue_telemetry.processes import _files
from queue_telemetry.processes._files import read_whole, version_of, write_whole


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def _write(file: Path, data: bytes) -> None:
    write_whole(file, data, unfinished=file.with_suffix(".new"))


def test_what_is_written_is_what_is_read(file: Path) -> None:
    for data in (b"", b"one", b"x" * 300_000):
        _write(file, data)
        assert data == read_whole(file)


def test_a_file_is_private_and_leaves_no_other(file: Path) -> None:
    _write(file, b"x")

    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert [file] == list(file.parent.iterdir())


def test_a_reader_that_has_it_open_sees_it_whole(file: Path) -> None:
    _write(file, b"a" * 100)
    with file.open("rb") as reader:
        _write(file, b"b")
        assert b"a" * 100 == reader.read()


def test_a_version_changes_with_each_writing(file: Path) -> None:
    _write(file, b"x")
    first = version_of(file)
    assert first == version_of(file)

    _write(file, b"x")

    assert first != version_of(file)


def test_what_a_killed_writer_left_is_in_nobodys_way(file: Path) -> None:
    file.with_suffix(".new").write_bytes(b"longer than what comes")

    _write(file, b"x")

    assert b"x" == read_whole(file)


def test_a_link_in_place_of_the_unfinished_file_is_not_followed(file: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    file.with_suffix(".new").symlink_to(victim)

    with pytest.raises(OSError):
        _write(file, b"x")

    assert b"untouched" == victim.read_bytes()


def test_what_cannot_be_written_leaves_what_was(file: Path) -> None:
    _write(file, b"before")

    with pytest.raises(OSError):
        write_whole(file, b"after", unfinished=file / "below")

    assert b"before" == read_whole(file)


def test_a_full_disk_leaves_what_was_and_no_unfinished_file(file: Path) -> None:
    """A limit on the size of files stands for the disk's."""
    _write(file, b"before")
    pid = os.fork()
    if not pid:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        try:
            _write(file, b"x" * 100)
        except OSError:
            os._exit(0)
        os._exit(1)

    assert 0 == os.waitpid(pid, 0)[1]
    assert b"before" == read_whole(file)
    assert [file] == list(file.parent.iterdir())


def test_nothing_there_is_told_apart(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_whole(file)
    with pytest.raises(FileNotFoundError):
        version_of(file)


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "socket"])
def test_what_is_no_file_is_refused_without_waiting(file: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "target").write_bytes(b"x")
    with socket.socket(socket.AF_UNIX) as listener:
        match kind:
            case "link":
                file.symlink_to(tmp_path / "target")
            case "folder":
                file.mkdir()
            case "pipe":
                os.mkfifo(file)
            case "socket":
                listener.bind(str(file))

        with pytest.raises(ValueError, match="no file"):
            read_whole(file)


def test_a_foreign_owners_file_is_refused(file: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    _write(file, b"x")
    os.chown(file, 12345, -1)

    with pytest.raises(ValueError, match="belongs to user 12345"):
        read_whole(file)


def test_a_file_larger_than_any_of_ours_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(file, b"x" * 11)
    monkeypatch.setattr(_files, "_LARGEST_BYTES", 10)

    with pytest.raises(ValueError, match="has 11 bytes"):
        read_whole(file)
