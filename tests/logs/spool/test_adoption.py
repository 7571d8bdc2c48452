"""A segment is taken over without what was acknowledged or damaged of it, and never loaded whole."""

import errno
import itertools
import math
import os
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queue_telemetry.logs.spool import Place, Spool
from queue_telemetry.logs.spool._frame import HEADER_BYTES, encode_frame


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


def test_frames_are_taken_over_in_their_order(folder: Folder, adopt_all: Adopt, read_all: Read) -> None:
    folder.left_by_a_dead_process(b"1\n", b"2\n")
    folder.hands.now_s += 1
    folder.left_by_a_dead_process(b"3\n", b"4\n")
    spool = folder.spool()

    places = adopt_all(spool)

    assert b"1\n2\n3\n4\n" == read_all(spool, places)
    assert [2, 2] == [place.records for place in places]


@pytest.mark.parametrize("set_back_s", [0.0, 3600.0], ids=["same instant", "clock set back"])
def test_what_one_process_wrote_later_comes_later(
    folder: Folder, adopt_all: Adopt, read_all: Read, set_back_s: float
) -> None:
    for number in range(8):
        folder.left_by_a_dead_process(b"%d\n" % number)
        folder.hands.now_s -= set_back_s
    spool = folder.spool()

    assert b"0\n1\n2\n3\n4\n5\n6\n7\n" == read_all(spool, adopt_all(spool))


_ACKNOWLEDGED = st.lists(st.integers(0, 7), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(by_first=_ACKNOWLEDGED, by_second=_ACKNOWLEDGED)
def test_what_was_acknowledged_stays_so_through_two_deaths(
    folder: Folder, adopt_all: Adopt, read_all: Read, by_first: list[int], by_second: list[int]
) -> None:
    first = folder.spool(owner=folder)
    own = [first.write(b"%d\n" % number, 1) for number in range(8)]
    for number in by_first:
        place = own[number]
        assert place is not None
        first.acknowledge(place)
    first.close()
    second = folder.spool(owner=folder)
    adopted = {
        read_all(second, [place]): place
        for places in iter(lambda: second.adopt(max_records=1), None)
        for place in places
    }
    for number in by_second:
        if b"%d\n" % number in adopted:
            second.acknowledge(adopted[b"%d\n" % number])
    second.close()
    third = folder.spool(owner=folder)

    places = adopt_all(third)
    left = b"".join(b"%d\n" % number for number in range(8) if number not in {*by_first, *by_second})
    assert left == read_all(third, places)
    for place in places:
        third.acknowledge(place)
    third.close()
    assert [] == folder.directories()


@pytest.mark.parametrize("at", range(24))
def test_a_changed_byte_of_the_progress_costs_its_entry(
    folder: Folder, adopt_all: Adopt, read_all: Read, at: int
) -> None:
    before = folder.spool()
    places = [before.write(b"%d\n" % number, 1) for number in range(4)]
    for place in (places[0], places[2]):
        assert place is not None
        before.acknowledge(place)
    before.close()
    progress = bytearray(folder.files("*.ack")[0].read_bytes())
    progress[at] ^= 0x81
    folder.files("*.ack")[0].write_bytes(progress)
    spool = folder.spool()

    left = b"0\n1\n3\n" if at < 12 else b"1\n2\n3\n"
    assert left == read_all(spool, adopt_all(spool))


@pytest.mark.parametrize("damage", [b"", b"\0\0\0\0\x1a\0\0\0", b"\0" * 12, b"\xff" * 24], ids=repr)
def test_a_lost_progress_sends_again_rather_than_loses(
    folder: Folder, adopt_all: Adopt, read_all: Read, damage: bytes
) -> None:
    before = folder.spool()
    for number in range(2):
        place = before.write(b"%d\n" % number, 1)
    assert place is not None
    before.acknowledge(Place(place.segment, 0, place.start, 1, 2, 0.0))
    before.close()
    folder.files("*.ack")[0].write_bytes(damage)
    spool = folder.spool()

    assert b"0\n1\n" == read_all(spool, adopt_all(spool))


def test_progress_survives_a_second_death(folder: Folder, adopt_all: Adopt, read_all: Read) -> None:
    folder.left_by_a_dead_process(b"1\n", b"2\n", b"3\n")
    first = folder.spool()
    for places in iter(lambda: first.adopt(max_records=1), None):
        first.acknowledge(places[0])
    first.close()
    second = folder.spool()
    adopt_all(second)
    second.close()
    third = folder.spool()

    assert b"2\n3\n" == read_all(third, adopt_all(third))
    assert 1 == len(folder.directories())


def test_nothing_is_left_once_all_is_acknowledged(folder: Folder, adopt_all: Adopt) -> None:
    folder.left_by_a_dead_process(b"1\n", b"2\n")
    spool = folder.spool()
    for place in adopt_all(spool):
        spool.acknowledge(place)
    assert 0 == spool.stats()["bytes"]

    spool.close()

    assert [] == folder.directories()


def test_frames_are_joined_up_to_a_batch(folder: Folder) -> None:
    folder.left_by_a_dead_process(*[b"12345678\n"] * 10, b"x" * 100 + b"\n")
    spool = folder.spool()

    places = spool.adopt(batch_bytes=40, max_records=3)

    assert places is not None
    assert [(3, 27), (3, 27), (3, 27), (1, 9), (1, 101)] == [(place.records, place.bytes) for place in places]


def test_damage_is_counted_and_does_not_keep_the_segment(folder: Folder) -> None:
    folder.left_by_a_dead_process(b"1\n", b"2\n3\n", b"4\n")
    data = bytearray(folder.files()[0].read_bytes())
    data[52] ^= 1
    folder.files()[0].write_bytes(data)
    spool = folder.spool()

    places = spool.adopt()

    assert places is not None
    assert [1, 1] == [place.records for place in places]
    assert (1, 2) == spool.damaged
    for place in reversed(places):
        spool.acknowledge(place)
    spool.tidy()
    assert [] == folder.files()


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 5000, encode_frame(b"1\n", 1, 1.0)[:-1]], ids=["empty", "zeros", "torn"]
)
def test_a_segment_without_a_whole_frame_goes(folder: Folder, data: bytes) -> None:
    directory = _dead_directory(folder, "1-1-a", {_segment(1): data})
    spool = folder.spool()

    assert [[], None] == [spool.adopt(), spool.adopt()]
    assert not directory.exists()
    assert [] == folder.files()


def test_taking_over_needs_nothing_of_a_full_disk(
    folder: Folder, adopt_all: Adopt, read_all: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.left_by_a_dead_process(b"1\n", b"2\n")
    folder.hands.now_s += 1
    folder.left_by_a_dead_process(b"3\n")
    spool = folder.spool()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for call in ("mkdir", "pwrite", "rename"):
        monkeypatch.setattr(os, call, full)

    assert b"1\n2\n3\n" == read_all(spool, adopt_all(spool))


def test_thousands_of_segments_stream_and_leave_no_descriptor(
    folder: Folder, descriptors: Callable[[], int]
) -> None:
    frame = encode_frame((b"x" * 999 + b"\n") * 20, 20, 1.0)
    for process in range(200):
        _dead_directory(folder, f"{process}-1-a", {_segment(n): frame * 5 for n in range(10)})
    spool = folder.spool()
    before = descriptors()
    tracemalloc.start()
    try:
        records, most = 0, 0
        while (places := spool.adopt()) is not None:
            records += sum(place.records for place in places)
            most = max(most, descriptors())
            for place in places:
                spool.acknowledge(place)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert 200_000 == records
    assert peak_bytes < 1_000_000  # of 200 MB
    assert most <= before + 4
    spool.close()
    assert before == descriptors()
    assert [] == folder.directories()


def test_a_large_segment_is_not_loaded_whole(folder: Folder) -> None:
    frame = encode_frame((b"x" * 999 + b"\n") * 1000, 1000, 1.0)
    _dead_directory(folder, "1-1-a", {_segment(1): frame * 8})
    spool = folder.spool()
    tracemalloc.start()
    try:
        places = spool.adopt()
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert places is not None
    assert 8 == len(places)
    assert peak_bytes < 1_000_000


class Interrupt(BaseException):
    """What a signal handler raises."""


def test_an_interrupt_at_any_call_does_not_end_adoption(folder: Folder) -> None:
    spool = folder.spool()
    calls = _interrupted(spool, math.inf)
    for at in range(calls):
        _interrupted(spool, at)

        _dead_directory(folder, f"{at}-1-a", {_segment(1): encode_frame(b"1\n", 1, 1.0)})
        places = spool.adopt()
        assert places, f"after an interrupt at the call {at} of {calls}"
        spool.acknowledge(places[0])


def _interrupted(spool: Spool, at: float) -> int:
    """Adopt nothing, and raise as a handler may at the call of that number; return how many there were."""
    calls = itertools.count()

    def trace(frame: FrameType, event: str, _arg: object) -> None:
        name = Path(frame.f_code.co_filename).name
        is_place = event in {"call", "c_return"} and name in {"_adoption.py", "owned_lock.py"}
        if is_place and next(calls) == at:
            sys.setprofile(None)
            raise Interrupt

    outer = sys.getprofile()
    sys.setprofile(trace)
    try:
        spool.adopt()
    except Interrupt:
        pass
    finally:
        sys.setprofile(outer)
    return next(calls)


_READS = [
    ("open", ".seg", errno.EIO),
    ("open", ".seg", errno.EMFILE),
    ("open", ".seg", errno.EACCES),
    ("open", ".ack", errno.EIO),
    ("open", ".ack", errno.EMFILE),
    ("pread", "", errno.EIO),
    ("pread", "", errno.ENOMEM),
]


def _fail_once(monkeypatch: pytest.MonkeyPatch, call: str, suffix: str, number: int) -> None:
    """Have the next such call fail, as a network's file system or a full table of descriptors makes it."""
    real: Callable[..., Any] = getattr(os, call)

    def fail(target: object, *args: object, **kwargs: object) -> Any:
        if not str(target).endswith(suffix):
            return real(target, *args, **kwargs)
        monkeypatch.setattr(os, call, real)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, call, fail)


@pytest.mark.parametrize(("call", "suffix", "number"), _READS)
def test_what_cannot_be_read_now_is_taken_over_another_time_and_nothing_acknowledged_comes_again(
    folder: Folder,
    adopt_all: Adopt,
    read_all: Read,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    suffix: str,
    number: int,
) -> None:
    before = folder.spool()
    places = [before.write(b"%d\n" % line, 1) for line in range(4)]
    for place in places[:3]:
        assert place is not None
        before.acknowledge(place)
    before.close()
    spool = folder.spool()
    _fail_once(monkeypatch, call, suffix, number)

    assert spool.adopt() is None

    assert b"3\n" == read_all(spool, adopt_all(spool))
    assert ((0, 0), {errno.errorcode[number]: 1}) == (spool.damaged, spool.stats()["errors"])


def test_a_segment_that_cannot_be_read_keeps_no_other_from_being_taken_over(
    folder: Folder, adopt_all: Adopt, read_all: Read
) -> None:
    for number in range(3):
        folder.left_by_a_dead_process(b"%d\n" % number)
        folder.hands.now_s += 1
    unreadable = folder.files()[1].stat()
    spool = folder.spool()
    pread = os.pread

    def fail(descriptor: int, size: int, offset: int) -> bytes:
        if os.path.samestat(os.fstat(descriptor), unreadable):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(descriptor, size, offset)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pread", fail)
        places = adopt_all(spool)
        excess_bytes = spool.excess_bytes()

    assert b"0\n2\n" == read_all(spool, places)
    assert 3 * (HEADER_BYTES + 2) - (1 << 28) == excess_bytes
    assert b"1\n" == read_all(spool, adopt_all(spool))


def test_a_segment_larger_than_any_that_is_written_is_set_aside(
    folder: Folder, adopt_all: Adopt, read_all: Read, caplog: pytest.LogCaptureFixture
) -> None:
    directory = _dead_directory(folder, "1-1-a", {_segment(2): encode_frame(b"2\n", 1, 1.0)})
    with (directory / _segment(1)).open("wb") as file:
        file.truncate(5 << 30)  # a hole, which takes nothing of the disk
    spool = folder.spool()

    assert b"2\n" == read_all(spool, adopt_all(spool))
    assert (1, 1) == spool.damaged
    assert [_segment(1).replace("seg", "damaged"), _segment(2), "owner.lock"] == sorted(
        path.name for path in directory.iterdir()
    )
    assert [
        "a segment of the spool has 5368709120 bytes, more than any process writes; it was renamed to *.damaged"
    ] == caplog.messages


def test_the_largest_batch_in_one_frame_is_taken_over(folder: Folder) -> None:
    lines = (b"x" * ((1 << 20) - 1) + b"\n") * 16
    folder.left_by_a_dead_process(lines)
    spool = folder.spool()

    assert [16] == [place.records for place in spool.adopt() or []]


def test_two_at_once_do_not_adopt(folder: Folder) -> None:
    folder.left_by_a_dead_process(b"1\n")
    spool = folder.spool()
    with spool._adoption._busy.held(0.0):
        assert spool.adopt() is None

    assert spool.adopt() is not None
