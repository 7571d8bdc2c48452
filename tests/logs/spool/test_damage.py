"""A segment with any byte changed or its end torn at any byte: taking it over never fails, and only that frame is lost."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from queue_telemetry.logs.spool import Place, Spool
from queue_telemetry.logs.spool._frame import HEADER_BYTES, encode_frame

_LINES = (b"one\n", b"two\n2\n", b"three\n")
_FRAMES = [encode_frame(lines, lines.count(b"\n"), 1.0) for lines in _LINES]
_ENDS = [sum(map(len, _FRAMES[: number + 1])) for number in range(len(_FRAMES))]
_DATA = b"".join(_FRAMES)


class Folder(Protocol):
    path: Path

    def spool(self, *, max_bytes: int = ..., owner: object | None = ...) -> Spool: ...
    def directories(self) -> list[Path]: ...


Adopt = Callable[[Spool], list[Place]]
Read = Callable[[Spool, list[Place]], bytes]


def _take_over(folder: Folder, number: int, data: bytes, adopt_all: Adopt, read_all: Read) -> bytes:
    directory = folder.path / "dest" / f"{number:013d}-1-0"
    directory.mkdir(parents=True, mode=0o700)
    folder.path.chmod(0o700)
    directory.parent.chmod(0o700)
    (directory / f"{1:016x}.seg").write_bytes(data)
    spool = folder.spool()
    places = adopt_all(spool)
    lines = read_all(spool, places)
    for place in places:
        spool.acknowledge(place)
    spool.close()
    assert [] == folder.directories()
    return lines


@pytest.mark.parametrize("bits", [0x01, 0x80, 0xFF])
def test_any_byte_may_be_changed(folder: Folder, adopt_all: Adopt, read_all: Read, bits: int) -> None:
    for position in range(len(_DATA)):
        hit = next(number for number, end in enumerate(_ENDS) if position < end)
        changed = bytearray(_DATA)
        changed[position] ^= bits

        lines = _take_over(folder, position, bytes(changed), adopt_all, read_all)

        assert b"".join(line for number, line in enumerate(_LINES) if number != hit) == lines, position


def test_the_end_may_be_torn_at_any_byte(folder: Folder, adopt_all: Adopt, read_all: Read) -> None:
    for length in range(len(_DATA) + 1):
        lines = _take_over(folder, length, _DATA[:length], adopt_all, read_all)

        assert b"".join(line for line, end in zip(_LINES, _ENDS, strict=True) if end <= length) == lines


def test_the_frames_are_as_short_as_they_can_be() -> None:
    assert [HEADER_BYTES + len(lines) for lines in _LINES] == [len(frame) for frame in _FRAMES]
