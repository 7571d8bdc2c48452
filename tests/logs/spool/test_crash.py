"""Processes that are killed, fork, or live side by side."""

import os
import select
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

import pytest

from queue_telemetry.logs.spool import Place, Spool


class Process(Protocol):
    out: IO[bytes]

    def line(self) -> bytes: ...
    def rest(self) -> bytes: ...
    def tell(self, line: bytes) -> None: ...
    def kill(self) -> None: ...


class Hands(Protocol):
    now_s: float


class Folder(Protocol):
    path: Path
    hands: Hands

    def spool(self, *, max_bytes: int = ..., owner: object | None = ...) -> Spool: ...
    def files(self, pattern: str = ...) -> list[Path]: ...
    def directories(self) -> list[Path]: ...


Adopt = Callable[[Spool], list[Place]]
Read = Callable[[Spool, list[Place]], bytes]
Start = Callable[[str], Process]

_WRITES = """
spool = make_spool()
for number in range(1_000_000):
    assert spool.write(b"%d\\n" % number, 1) is not None
    os.write(1, b"%d\\n" % number)
"""
_FORKS_AND_IS_KILLED_AGAIN_AND_AGAIN = """
import signal, time, random
rounds = int(sys.stdin.readline())
for _ in range(rounds):
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        spool = make_spool()
        number = 0
        while True:
            assert spool.write(b"%d-%d\\n" % (os.getpid(), number), 1) is not None
            os.write(write_end, b"%d-%d\\n" % (os.getpid(), number))
            number += 1
    os.close(write_end)
    said = os.read(read_end, 1 << 16)
    time.sleep(random.random() * 0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    while more := os.read(read_end, 1 << 16):
        said += more
    os.close(read_end)
    os.write(1, said)
"""
_HOLDS = """
spool = make_spool()
place = spool.write(b"living\\n", 1)
os.write(1, b"written\\n")
sys.stdin.readline()
os.write(1, bytes(spool.read(place)[0]))
"""


def _wait_for(stream: IO[bytes]) -> None:
    assert select.select([stream], [], [], 15)[0], "nothing was said"


def test_all_whose_write_returned_is_there_after_a_kill(
    folder: Folder, start: Start, adopt_all: Adopt, read_all: Read
) -> None:
    process = start(_WRITES)
    _wait_for(process.out)
    said = [process.line() for _ in range(1000)]
    process.kill()
    said += process.rest().splitlines()
    spool = folder.spool()

    found = read_all(spool, adopt_all(spool)).splitlines()

    assert said == found[: len(said)]
    assert len(found) <= len(said) + 1  # one may have been written and not said
    assert found == [b"%d" % number for number in range(len(found))]


@pytest.mark.parametrize("kills", [40, pytest.param(300, marks=pytest.mark.acceptance)])
def test_many_kills_lose_nothing_and_repeat_nothing(
    folder: Folder, start: Start, adopt_all: Adopt, read_all: Read, kills: int
) -> None:
    process = start(_FORKS_AND_IS_KILLED_AGAIN_AND_AGAIN)
    process.tell(b"%d\n" % kills)
    said = process.rest().splitlines()
    spool = folder.spool()

    found: list[bytes] = []
    while places := adopt_all(spool):
        found += read_all(spool, places).splitlines()
        for place in places:
            spool.acknowledge(place)

    assert len({line.partition(b"-")[0] for line in said}) == kills
    assert len(found) == len(set(found))
    assert set(said) <= set(found)
    assert len(found) <= len(said) + kills


def test_two_living_processes_leave_each_other_alone(folder: Folder, start: Start, adopt_all: Adopt) -> None:
    process = start(_HOLDS)
    _wait_for(process.out)
    process.line()
    spool = folder.spool()

    assert [] == adopt_all(spool)
    process.tell(b"\n")
    assert b"living" == process.line()


def test_one_that_died_is_taken_over_by_one_of_two(folder: Folder, start: Start, adopt_all: Adopt) -> None:
    process = start(_HOLDS)
    _wait_for(process.out)
    process.kill()
    owner = object()
    first, second = folder.spool(owner=owner), folder.spool(owner=owner)

    assert [1, 0] == [len(adopt_all(first)), len(adopt_all(second))]


def test_a_killed_adopter_leaves_all_to_the_next(
    folder: Folder, start: Start, adopt_all: Adopt, read_all: Read
) -> None:
    process = start(_HOLDS)
    _wait_for(process.out)
    process.kill()
    adopter = start("spool = make_spool(); spool.adopt(); os.write(1, b'adopted\\n'); sys.stdin.readline()")
    _wait_for(adopter.out)
    adopter.kill()
    spool = folder.spool()

    assert b"living\n" == read_all(spool, adopt_all(spool))


@pytest.mark.parametrize("end", ["forget", "close"])
def test_a_forked_child_leaves_the_lock_to_its_parent(
    folder: Folder, adopt_all: Adopt, descriptors: Callable[[], int], end: str
) -> None:
    owner = object()
    spool = folder.spool(owner=owner)
    place = spool.write(b"parent\n", 1)
    assert place is not None
    pid = os.fork()
    if pid == 0:
        try:
            before = descriptors()
            getattr(spool, end)()
            own = Spool(folder.path, "dest", max_bytes=1 << 20, clock=spool._clock)
            fine = (
                descriptors() == before - 3
                and spool.write(b"child\n", 1) is None
                and own.adopt() is None
                and own.write(b"child\n", 1) is not None
            )
            os._exit(0 if fine else 1)
        except BaseException:
            os._exit(2)
    assert 0 == os.waitpid(pid, 0)[1]

    other = folder.spool(owner=owner)
    assert ["child"] == [bytes(pair[0]).decode().strip() for p in adopt_all(other) if (pair := other.read(p))]
    assert (bytearray(b"parent\n"), 0) == spool.read(place)


def test_closing_frees_the_lock_though_a_child_lives_that_never_forgot(
    folder: Folder, adopt_all: Adopt
) -> None:
    spool = folder.spool()
    spool.write(b"1\n", 1)
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(write_end)
        os.read(read_end, 1)
        os._exit(0)
    try:
        spool.close()

        assert 1 == len(adopt_all(folder.spool()))
    finally:
        os.close(read_end)
        os.close(write_end)
        os.waitpid(pid, 0)


def test_a_descriptor_that_came_to_mean_another_file_is_neither_written_nor_closed(
    folder: Folder, tmp_path: Path
) -> None:
    spool = folder.spool()
    spool.write(b"1\n", 1)
    current = spool._segments._current
    assert current is not None
    assert current.writing is not None
    number = current.writing.number
    with (tmp_path / "users").open("w") as users:
        os.dup2(users.fileno(), number)
        folder.hands.now_s += 1.0

        assert spool.write(b"2\n", 1) is None
        spool.close()

        assert os.path.sameopenfile(number, users.fileno())
        assert b"" == (tmp_path / "users").read_bytes()
    os.close(number)
