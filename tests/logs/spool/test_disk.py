"""A disk that is full, read-only, gone or open to others is counted, said, and tried again; nothing raises."""

import errno
import logging
import os
import subprocess
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pytest

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


Adopt = Callable[[Spool], list[Place]]
Read = Callable[[Spool, list[Place]], bytes]
FullDisk = Callable[..., AbstractContextManager[None]]


def _written(spool: Spool, lines: bytes = b"{}\n", records: int = 1) -> Place:
    place = spool.write(lines, records)
    assert place is not None
    return place


def test_a_full_disk_is_counted_said_and_tried_again_after_a_while(
    folder: Folder, full_disk: FullDisk, caplog: pytest.LogCaptureFixture, read_all: Read
) -> None:
    spool = folder.spool()
    first = _written(spool, b"1\n")
    with full_disk(40):  # the next frame gets half of its bytes in
        assert spool.write(b"2\n", 1) is None
    assert spool.write(b"2\n", 1) is None
    assert {"ENOSPC": 1} == spool.stats()["errors"]

    folder.hands.now_s += 30.0
    third = _written(spool, b"3\n")

    assert b"1\n3\n" == read_all(spool, [first, third])
    with caplog.at_level(logging.WARNING, logger="queue_telemetry"):
        spool.speak()
        spool.speak()
    assert ["the spool in " + str(folder.path)] == [
        text[: len(str(folder.path)) + 13] for text in caplog.messages
    ]


def test_half_a_frame_is_no_damage_to_who_takes_it_over(
    folder: Folder, full_disk: FullDisk, adopt_all: Adopt, read_all: Read
) -> None:
    spool = folder.spool()
    _written(spool, b"1\n")
    with full_disk(40):
        spool.write(b"2\n", 1)
    spool.close()

    heir = folder.spool()

    assert b"1\n" == read_all(heir, adopt_all(heir))
    assert (0, 0) == heir.damaged


def test_a_file_that_may_not_grow_at_all_is_counted(folder: Folder, full_disk: FullDisk) -> None:
    spool = folder.spool()

    with full_disk():
        assert spool.write(b"{}\n", 1) is None
    spool.tidy()

    assert {"EFBIG": 1} == spool.stats()["errors"]
    assert [] == folder.files()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_each_error_of_a_disk_is_counted_by_its_name(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    spool = folder.spool()
    _written(spool)

    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", refuse)
        assert spool.write(b"{}\n", 1) is None
        spool.acknowledge(Place(1, 0, HEADER_BYTES + 3, 1, 3, 0.0))
        spool.tidy()

    assert errno.errorcode[number] in spool.stats()["errors"]  # type: ignore[operator]  # it is a dict


def test_a_deleted_directory_is_noticed_within_a_second_and_made_again(folder: Folder) -> None:
    spool = folder.spool()
    lost = _written(spool)
    for path in [
        *folder.directories()[0].iterdir(),
        folder.directories()[0],
        folder.path / "dest",
        folder.path,
    ]:
        path.rmdir() if path.is_dir() else path.unlink()
    folder.hands.now_s += 1.0
    assert spool.write(b"{}\n", 1) is None
    folder.hands.now_s += 30.0

    place = _written(spool, b"2\n")

    assert (bytearray(b"2\n"), 0) == spool.read(place)
    assert (bytearray(), 1) == spool.read(lost)
    spool.acknowledge(lost)
    spool.tidy()
    assert {"ENOENT": 1} == spool.stats()["errors"]


def test_the_clock_may_go_back(folder: Folder) -> None:
    spool = folder.spool()
    _written(spool)
    folder.hands.now_s -= 500.0

    assert spool.write(b"2\n", 1) is not None


def test_a_folder_that_becomes_open_to_others_is_not_written(folder: Folder) -> None:
    spool = folder.spool()
    folder.path.mkdir(mode=0o700)
    folder.path.chmod(0o777)

    assert spool.write(b"{}\n", 1) is None
    assert {"EPERM": 1} == spool.stats()["errors"]


def test_a_link_in_place_of_a_destination_is_not_followed(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.path.mkdir(mode=0o700)
    (folder.path / "dest").symlink_to(tmp_path / "elsewhere")
    spool = folder.spool()

    assert spool.write(b"{}\n", 1) is None
    assert [] == list((tmp_path / "elsewhere").iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
@pytest.mark.parametrize("options", ["size=1m", "size=1m,nr_inodes=4"], ids=["bytes", "inodes"])
def test_a_full_file_system_leaves_what_was_written_readable(
    folder: Folder, tmp_path: Path, options: str, read_all: Read
) -> None:
    folder.path.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"mode=0700,{options}", "tmpfs", folder.path], check=False
    ).returncode:
        pytest.skip("no right to mount")
    try:
        spool = folder.spool(max_bytes=1 << 30)
        places = []
        for _ in range(200):
            folder.hands.now_s += 31.0
            places.append(spool.write(b"x" * 9_999 + b"\n", 1))

        written = [place for place in places if place is not None]
        assert len(written) < 200
        assert (b"x" * 9_999 + b"\n") * len(written) == read_all(spool, written)
        assert {"ENOSPC"} == set(spool.stats()["errors"])  # type: ignore[call-overload]  # it is a dict
        spool.close()
    finally:
        subprocess.run(["umount", folder.path], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
def test_a_read_only_file_system_is_counted(folder: Folder) -> None:
    folder.path.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro,mode=0700", "tmpfs", folder.path], check=False
    ).returncode:
        pytest.skip("no right to mount")
    try:
        spool = folder.spool()
        assert spool.write(b"{}\n", 1) is None
        assert {"EROFS": 1} == spool.stats()["errors"]
    finally:
        subprocess.run(["umount", folder.path], check=True)


def test_a_small_rest_of_the_disk_is_left_to_others(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = folder.spool()
    real = os.fstatvfs

    def nearly_full(descriptor: int) -> os.statvfs_result:
        values = list(real(descriptor))
        values[1], values[2], values[4] = 1, 10_000_000_000, 268_435_455  # fragment size, all, free for us
        return os.statvfs_result(values)

    monkeypatch.setattr(os, "fstatvfs", nearly_full)

    assert spool.write(b"{}\n", 1) is None
    assert {"ENOSPC": 1} == spool.stats()["errors"]


def test_while_the_disk_hangs_every_other_call_comes_back_and_it_is_told(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = folder.spool()
    first, second = _written(spool, b"1\n"), _written(spool, b"2\n")
    hung, over, real = threading.Event(), threading.Event(), os.pwrite

    def hang(descriptor: int, data: bytes, offset: int) -> int:
        hung.set()
        over.wait(20)
        return real(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", hang)
    spool.acknowledge(first)
    keeper = threading.Thread(target=spool.tidy)
    keeper.start()
    hung.wait(10)
    assert not spool.stats()["hangs"]
    folder.hands.now_s += 2.5

    assert spool.stats()["hangs"]
    assert (bytearray(b"2\n"), 0) == spool.read(second)
    assert spool.acknowledge(second)
    assert spool.room_for(1)
    spool.abandon()
    over.set()
    keeper.join(10)
    assert not spool.stats()["hangs"]
