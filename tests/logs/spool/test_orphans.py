"""Directories of dead processes are found in their order and measured; what is no spool's is left alone."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from queue_telemetry.logs.spool import Place, Spool
from queue_telemetry.logs.spool._frame import encode_frame


class Hands(Protocol):
    now_s: float


class Folder(Protocol):
    path: Path
    hands: Hands

    def spool(self, *, max_bytes: int = ..., owner: object | None = ...) -> Spool: ...
    def files(self, pattern: str = ...) -> list[Path]: ...
    def directories(self) -> list[Path]: ...
    def left_by_a_dead_process(self, *frames: bytes) -> None: ...


Adopt = Callable[[Spool], list[Place]]
Read = Callable[[Spool, list[Place]], bytes]


def _dead_directory(folder: Folder, name: str, segments: dict[str, bytes]) -> Path:
    directory = folder.path / "dest" / name
    directory.mkdir(parents=True, mode=0o700)
    folder.path.chmod(0o700)
    (folder.path / "dest").chmod(0o700)
    for segment, data in segments.items():
        (directory / segment).write_bytes(data)
    return directory


def _segment(number: int) -> str:
    return f"{number:016x}.seg"


def test_one_segment_at_a_time(folder: Folder) -> None:
    _dead_directory(folder, "1-1-a", {_segment(n): encode_frame(b"%d\n" % n, 1, 1.0) for n in (16, 2, 1)})
    spool = folder.spool()

    found = [spool.adopt() for _ in range(4)]

    assert [1, 1, 1, None] == [None if places is None else len(places) for places in found]
    assert [b"1\n", b"2\n", b"16\n"] == [
        bytes(pair[0])
        for places in found[:3]
        for pair in [spool.read(place) for place in places or []]
        if pair
    ]


def test_the_living_are_left_alone(folder: Folder, adopt_all: Adopt, read_all: Read) -> None:
    owner = object()
    living = folder.spool(owner=owner)
    place = living.write(b"1\n", 1)
    assert place is not None
    spool = folder.spool(owner=owner)

    assert [] == adopt_all(spool)
    assert b"1\n" == read_all(living, [place])


def test_an_abandoned_directory_goes(folder: Folder) -> None:
    directory = _dead_directory(folder, "1-1-a", {})
    spool = folder.spool()

    assert spool.adopt() is None
    assert not directory.exists()


def test_what_is_no_spools_is_left_alone(folder: Folder, adopt_all: Adopt) -> None:
    frame = encode_frame(b"1\n", 1, 1.0)
    _dead_directory(folder, "1-1-a", {_segment(1): frame, "notes.txt": b"mine"})
    other = _dead_directory(folder, "users", {_segment(1): frame})
    spool = folder.spool()

    assert 1 == len(adopt_all(spool))
    assert [] == adopt_all(spool)
    assert b"mine" == (folder.path / "dest" / "1-1-a" / "notes.txt").read_bytes()
    assert (other / _segment(1)).exists()


def test_a_link_in_place_of_a_segment_is_passed_over(
    folder: Folder, adopt_all: Adopt, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(encode_frame(b"secret\n", 1, 1.0))
    directory = _dead_directory(folder, "1-1-a", {_segment(2): encode_frame(b"2\n", 1, 1.0)})
    (directory / _segment(1)).symlink_to(tmp_path / "secret")
    spool = folder.spool()

    assert 1 == len(adopt_all(spool))
    assert {"ELOOP": 1} == spool.stats()["errors"]
    assert (tmp_path / "secret").exists()


def test_a_pipe_in_place_of_a_segment_does_not_block(folder: Folder, adopt_all: Adopt) -> None:
    directory = _dead_directory(folder, "1-1-a", {})
    os.mkfifo(directory / _segment(1))

    assert [] == adopt_all(folder.spool())


def test_an_heir_of_an_heir_finds_all_in_its_order(folder: Folder, adopt_all: Adopt, read_all: Read) -> None:
    _dead_directory(folder, "1-1-a", {_segment(n): encode_frame(b"%d\n" % n, 1, 1.0) for n in (1, 2, 3)})
    first = folder.spool()
    first.adopt()
    first.write(b"4\n", 1)
    first.close()
    second = folder.spool()

    assert b"1\n2\n3\n4\n" == read_all(second, adopt_all(second))


def test_so_many_directories_are_held_and_no_more_until_one_is_done(
    folder: Folder, adopt_all: Adopt, descriptors: Callable[[], int]
) -> None:
    for process in range(20):
        _dead_directory(folder, f"{process}-1-a", {_segment(1): encode_frame(b"1\n", 1, 1.0)})
    spool = folder.spool()
    before = descriptors()

    places = adopt_all(spool)
    assert (16, before + 32) == (len(places), descriptors())
    for place in places[:3]:
        spool.acknowledge(place)

    assert 3 == len(adopt_all(spool))


def test_what_nobody_took_over_is_measured(folder: Folder) -> None:
    frame = encode_frame(b"1\n", 1, 1.0)
    _dead_directory(folder, "1-1-a", {_segment(1): frame, _segment(2): frame * 2, "notes.txt": b"mine"})
    _dead_directory(folder, "2-1-a", {_segment(1): frame * 4})
    spool = folder.spool(max_bytes=1000)
    assert 7 * len(frame) - 1000 == spool.excess_bytes()

    spool.adopt()

    assert len(frame) == spool.used_bytes
    assert 7 * len(frame) - 1000 == spool.excess_bytes()


def test_what_the_living_have_is_not_measured(folder: Folder) -> None:
    owner = object()
    folder.spool(owner=owner).write(b"1\n", 1)
    spool = folder.spool(owner=owner, max_bytes=1000)

    assert -1000 == spool.excess_bytes()


def test_measuring_leaves_the_directories_for_others_and_no_descriptor(
    folder: Folder, descriptors: Callable[[], int]
) -> None:
    _dead_directory(folder, "1-1-a", {_segment(1): encode_frame(b"1\n", 1, 1.0)})
    spool = folder.spool()
    before = descriptors()
    spool.excess_bytes()
    spool.elsewhere_bytes()
    assert before == descriptors()

    assert spool.adopt()


def test_before_anything_was_written_there_is_nothing_to_measure(folder: Folder) -> None:
    spool = folder.spool(max_bytes=1000)

    assert (-1000, 0, {}) == (spool.excess_bytes(), spool.elsewhere_bytes(), spool.stats()["errors"])


def test_what_is_left_for_other_destinations_is_measured(folder: Folder, tmp_path: Path) -> None:
    owner = object()
    folder.spool(owner=owner).write(b"1\n", 1)
    dead = folder.path / "0123456789abcdef" / "1-1-a"
    dead.mkdir(parents=True, mode=0o700)
    dead.parent.chmod(0o700)
    (dead / _segment(1)).write_bytes(b"x" * 70)
    (folder.path / "fedcba9876543210").symlink_to(tmp_path)
    (folder.path / "dead-letters.ndjson").write_bytes(b"{}")
    spool = folder.spool(owner=owner)

    assert (70, {}) == (spool.elsewhere_bytes(), spool.stats()["errors"])
