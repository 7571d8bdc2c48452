import threading
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.processes._two_copies import read_newest, write_next


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


def _write(file: Path, data: bytes, number: int) -> None:
    write_next(file, data, number, unfinished=file.with_suffix(".new"))


def test_the_newest_copy_is_read(file: Path) -> None:
    for number in range(1, 6):
        data = b"%d" % number
        _write(file, data, number)
        assert data == read_newest(file)


def test_the_bytes_of_a_file(file: Path) -> None:
    _write(file, b"one", 1)
    _write(file, b"two!", 2)
    one, two = zlib.crc32(b"one"), zlib.crc32(b"two!")

    assert (
        (b"qt 00000000000000000002 0000000004 %08x\ntwo!" % two).ljust(4096, b"\0")
        + (b"qt 00000000000000000001 0000000003 %08x\none" % one).ljust(4096, b"\0")
    ) == file.read_bytes()


def test_a_copy_is_written_where_it_is_as_long_as_there_is_room(file: Path) -> None:
    _write(file, b"x", 1)
    before = file.stat().st_ino

    _write(file, b"x" * 4000, 2)
    assert before == file.stat().st_ino

    _write(file, b"y" * 5000, 3)
    assert b"y" * 5000 == read_newest(file)
    assert 2 * 8192 == file.stat().st_size


@given(
    st.lists(st.integers(0, 20_000), min_size=1, max_size=6),
    st.integers(0, 20_000),
    st.binary(min_size=1, max_size=64),
)
def test_a_writing_that_was_cut_off_leaves_the_copy_before(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], at: int, garbage: bytes
) -> None:
    """Whatever came to stand anywhere in the place of the next copy."""
    file = tmp_path_factory.mktemp("copies") / "file"
    for number, length in enumerate(lengths, 1):
        _write(file, bytes([number]) * length, number)
    room = file.stat().st_size // 2
    at %= room - len(garbage)
    with file.open("r+b") as damaged:
        damaged.seek((len(lengths) + 1) % 2 * room + at)
        damaged.write(garbage)

    assert bytes([len(lengths)]) * lengths[-1] == read_newest(file)


@pytest.mark.parametrize(
    "data", [b"", b"qt", b"\0" * 8192, b"qt 00000000000000000001 9999999999 00000000\n" * 100]
)
def test_a_file_without_a_whole_copy_is_refused(file: Path, data: bytes) -> None:
    file.write_bytes(data)

    with pytest.raises(ValueError, match="no whole copy"):
        read_newest(file)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_copies_are_refused_in_one_way(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    file = tmp_path_factory.mktemp("copies") / "file"
    file.write_bytes(data)

    with pytest.raises(ValueError):
        read_newest(file)


def test_a_link_is_not_written_through(file: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"v" * 10_000)
    file.symlink_to(victim)

    with pytest.raises(OSError):
        _write(file, b"x", 1)

    assert b"v" * 10_000 == victim.read_bytes()


def test_readers_see_whole_copies_in_order_while_it_is_written(file: Path) -> None:
    _write(file, b"0" * 9000, 1)
    done = threading.Event()
    seen: list[bytes] = []

    def read() -> None:
        while not done.is_set():
            seen.append(read_newest(file))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(2, 500):
        _write(file, b"%d" % (number % 10) * 9000, number)
    done.set()
    reader.join(10)

    assert seen
    assert all(len(set(data)) == 1 for data in seen)


def test_nothing_is_left_open(file: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(1, 9):
        _write(file, b"x" * 1000 * number, number)
        read_newest(file)
    file.write_bytes(b"")
    with pytest.raises(ValueError):
        read_newest(file)

    assert before == len(list(Path("/proc/self/fd").iterdir()))
