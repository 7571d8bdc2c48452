"""What is written can be read until it is acknowledged, within limits, and nothing raises."""

import errno
import os
import resource
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs.spool import Place, Spool
from queue_telemetry.logs.spool._frame import HEADER_BYTES


class Hands(Protocol):
    now_s: float


class Folder(Protocol):
    path: Path
    hands: Hands

    def spool(self, *, max_bytes: int = ..., owner: object | None = ...) -> Spool: ...
    def files(self, pattern: str = ...) -> list[Path]: ...
    def directories(self) -> list[Path]: ...


Read = Callable[[Spool, list[Place]], bytes]


def _written(spool: Spool, lines: bytes = b"{}\n", records: int = 1) -> Place:
    place = spool.write(lines, records)
    assert place is not None
    return place


def test_what_is_written_is_read(folder: Folder) -> None:
    spool = folder.spool()
    _written(spool)

    place = _written(spool, b"1\n2\n", 2)

    assert (bytearray(b"1\n2\n"), 0) == spool.read(place)
    assert (2, 4) == (place.records, place.bytes)


def test_adjacent_places_are_read_as_one(folder: Folder) -> None:
    spool = folder.spool()
    joined = _written(spool, b"1\n").join(_written(spool, b"2\n"))

    assert joined is not None
    assert (bytearray(b"1\n2\n"), 0) == spool.read(joined)


def test_nothing_is_made_before_the_first_write(folder: Folder) -> None:
    spool = folder.spool()
    spool.room_for(1)
    spool.adopt()
    spool.close()

    assert not folder.path.exists()


def test_all_that_is_made_is_private(folder: Folder) -> None:
    spool = folder.spool()
    spool.acknowledge(_written(spool))
    spool.tidy()

    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.path.rglob("*") if path.is_file()}
    assert {0o600} == modes
    directories = [folder.path, *(path for path in folder.path.rglob("*") if path.is_dir())]
    assert [0o700] * 3 == [stat.S_IMODE(path.stat().st_mode) for path in directories]


def test_a_segment_goes_when_all_of_it_is_acknowledged(folder: Folder) -> None:
    spool = folder.spool(max_bytes=8 * 64 * 1024)
    places = [_written(spool, b"x" * 30_000) for _ in range(5)]
    assert 3 == len(folder.files())

    spool.acknowledge(places[1])
    assert 3 == len(folder.files())
    spool.acknowledge(places[0])
    assert not spool.is_tidy()
    spool.tidy()

    assert spool.is_tidy()
    assert 2 == len(folder.files())
    assert 2 == spool.stats()["segments"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(order=st.permutations(range(7)))
def test_in_whatever_order_places_are_acknowledged_nothing_is_left(folder: Folder, order: list[int]) -> None:
    spool = folder.spool(max_bytes=8 * 64 * 1024, owner=folder)
    places = [_written(spool, b"x" * 30_000) for _ in range(7)]

    for number in order:
        spool.acknowledge(places[number])
    spool.close()

    assert [] == folder.directories()


def test_acknowledging_twice_changes_nothing(folder: Folder) -> None:
    spool = folder.spool()
    first, second = _written(spool), _written(spool, b"2\n")
    spool.acknowledge(first)
    spool.acknowledge(first)

    assert (bytearray(b"2\n"), 0) == spool.read(second)
    assert 1 == spool.stats()["segments"]


def test_a_changed_byte_costs_its_frame(folder: Folder) -> None:
    spool = folder.spool()
    place = _written(spool, b"1\n").join(_written(spool, b"2\n"))
    assert place is not None
    with folder.files()[0].open("r+b") as file:
        file.seek(HEADER_BYTES)
        file.write(b"!")

    assert (bytearray(b"2\n"), 1) == spool.read(place)


def test_a_segment_that_was_removed_is_lost(folder: Folder) -> None:
    spool = folder.spool()
    place = _written(spool, b"1\n2\n", 2)
    folder.files()[0].unlink()

    assert (bytearray(), 2) == spool.read(place)


def test_without_a_free_descriptor_nothing_is_lost(folder: Folder) -> None:
    spool = folder.spool()
    place = _written(spool)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        found = spool.read(place)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert found is None
    assert (bytearray(b"{}\n"), 0) == spool.read(place)


@pytest.mark.parametrize(
    ("call", "number"),
    [
        ("open", errno.EIO),
        ("open", errno.ESTALE),
        ("open", errno.EACCES),
        ("pread", errno.EIO),
        ("pread", errno.ENOMEM),
    ],
)
def test_a_disk_that_fails_once_costs_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    spool = folder.spool()
    place = _written(spool)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, _fail_with(number))
        assert spool.read(place) is None

    assert (bytearray(b"{}\n"), 0) == spool.read(place)
    assert {errno.errorcode[number]: 1} == spool.stats()["errors"]


def _fail_with(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_room_ends_at_the_limit_and_comes_back_with_a_segment(folder: Folder) -> None:
    spool = folder.spool(max_bytes=100_000)
    places = [_written(spool, b"x" * 30_000) for _ in range(3)]
    assert (True, False) == (spool.room_for(9_000), spool.room_for(10_000))

    spool.acknowledge(places[0])
    spool.acknowledge(places[1])

    assert spool.room_for(60_000)


def test_room_is_made_of_a_current_segment_that_is_done(folder: Folder) -> None:
    spool = folder.spool(max_bytes=100_000)
    spool.acknowledge(_written(spool, b"x" * 60_000))

    assert spool.room_for(90_000)
    spool.tidy()
    assert [] == folder.files()


def test_a_relative_folder_stays_where_it_is(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    folder.path = Path("relative")
    spool = folder.spool()
    monkeypatch.chdir("/")

    _written(spool)

    assert (tmp_path / "relative" / "dest").is_dir()


def test_after_close_nothing_is_written_read_or_acknowledged(folder: Folder) -> None:
    spool = folder.spool()
    place = _written(spool)
    spool.close()

    assert spool.write(b"{}\n", 1) is None
    assert spool.read(place) is None
    assert spool.adopt() is None
    spool.acknowledge(place)
    assert 1 == len(folder.files())


def test_closing_removes_an_empty_directory(folder: Folder) -> None:
    spool = folder.spool()
    spool.acknowledge(_written(spool))
    spool.close()
    spool.close()

    assert [] == folder.directories()


def test_a_segment_holds_three_descriptors_however_many_there_are(
    folder: Folder, descriptors: Callable[[], int]
) -> None:
    before = descriptors()
    spool = folder.spool(max_bytes=8 * 64 * 1024)
    for _ in range(50):
        _written(spool, b"x" * 60_000)
    assert before + 3 == descriptors()

    spool.close()

    assert before == descriptors()


def test_the_other_system_is_refused(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")

    with pytest.raises(ConfigurationError, match="LOG_SPOOL_DIR"):
        folder.spool()
