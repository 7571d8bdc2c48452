"""Records that were never taken are kept with the answer, privately, and not for ever."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from queue_telemetry.logs.spool import DeadLetters, dead_letters

_AT_S = 1762337730.123456


@pytest.fixture
def letters(tmp_path: Path) -> DeadLetters:
    return DeadLetters(tmp_path / "spool")


def _append(letters: DeadLetters, line: bytes = b'{"a":1}\n', excerpt: str = "bad") -> bool:
    return letters.append(line, status=400, excerpt=excerpt, at_s=_AT_S)


def test_a_letter_has_exactly_these_bytes(letters: DeadLetters, tmp_path: Path) -> None:
    assert _append(letters, b'{"b":2, "a":1.0}\n')

    assert (
        b'{"record":{"b":2, "a":1.0},"status":400,"excerpt":"bad","at":"2025-11-05T10:15:30.123456Z"}\n'
        == (tmp_path / "spool" / "dead-letters.ndjson").read_bytes()
    )


def test_what_was_never_asked_has_no_status(letters: DeadLetters, tmp_path: Path) -> None:
    letters.append(bytearray(b"{}"), status=None, excerpt="", at_s=_AT_S)

    assert orjson.loads((tmp_path / "spool" / "dead-letters.ndjson").read_bytes())["status"] is None


def test_letters_follow_each_other_from_all_processes(letters: DeadLetters, tmp_path: Path) -> None:
    _append(letters)
    _append(DeadLetters(tmp_path / "spool"))

    assert 2 == len((tmp_path / "spool" / "dead-letters.ndjson").read_bytes().splitlines())


def test_all_is_private(letters: DeadLetters, tmp_path: Path) -> None:
    _append(letters)

    assert 0o600 == stat.S_IMODE((tmp_path / "spool" / "dead-letters.ndjson").stat().st_mode)
    assert 0o700 == stat.S_IMODE((tmp_path / "spool").stat().st_mode)


def test_an_excerpt_may_hold_anything(letters: DeadLetters, tmp_path: Path) -> None:
    assert _append(letters, excerpt='\ud800"\n\0')

    assert '?"\n\0' == orjson.loads((tmp_path / "spool" / "dead-letters.ndjson").read_bytes())["excerpt"]


def test_two_full_files_take_no_more_and_keep_what_they_have(
    letters: DeadLetters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "_MAX_BYTES", 200)  # two letters
    written = [_append(letters, b'{"a":%d}' % number) for number in range(7)]

    assert ["dead-letters.1.ndjson", "dead-letters.ndjson"] == sorted(
        path.name for path in (tmp_path / "spool").iterdir()
    )
    kept = [
        orjson.loads(line)["record"]["a"]
        for name in ("dead-letters.1.ndjson", "dead-letters.ndjson")
        for line in (tmp_path / "spool" / name).read_bytes().splitlines()
    ]
    assert [0, 1, 2, 3] == kept
    assert [True] * 4 + [False] * 3 == written


def test_letters_are_written_again_once_the_full_file_is_taken_away(
    letters: DeadLetters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "_MAX_BYTES", 200)
    for _ in range(5):
        _append(letters)
    (tmp_path / "spool" / "dead-letters.1.ndjson").unlink()

    assert _append(letters)


def test_one_that_is_larger_than_the_file_is_not_written(
    letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "_MAX_BYTES", 50)

    assert not _append(letters)


def test_the_rest_of_a_torn_letter_does_not_spoil_the_next(letters: DeadLetters, tmp_path: Path) -> None:
    _append(letters)
    with (tmp_path / "spool" / "dead-letters.ndjson").open("ab") as file:
        file.write(b'{"record":{"to')

    _append(letters)

    first, torn, last = (tmp_path / "spool" / "dead-letters.ndjson").read_bytes().splitlines()
    assert first == last
    assert b'{"record":{"to' == torn


def test_a_disk_that_takes_nothing_is_told_and_said(
    letters: DeadLetters, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _append(letters)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        assert not _append(letters)
        assert not _append(letters)

    assert 1 == len(caplog.records)
    assert "No space left on device" in caplog.text


def test_a_link_is_not_followed(letters: DeadLetters, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir(mode=0o700)
    (tmp_path / "victim").write_bytes(b"")
    (tmp_path / "spool" / "dead-letters.ndjson").symlink_to(tmp_path / "victim")

    assert not _append(letters)
    assert b"" == (tmp_path / "victim").read_bytes()


def test_no_descriptor_is_left(letters: DeadLetters, descriptors: Callable[[], int]) -> None:
    before = descriptors()
    _append(letters)

    assert before == descriptors()
