import logging
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from queue_telemetry._runtime import log
from queue_telemetry.processes import Life, Slot, State, acquire
from queue_telemetry.processes._two_copies import read_newest
from queue_telemetry.processes.boot import boot_id, start_ticks
from queue_telemetry.processes.state import group_of


class _Teller(Protocol):
    slot: Slot
    life: Life

    def tell(self, body: bytes, *, ended: bool = False, now_s: float = 1.0) -> "_Teller": ...


Tell = Callable[..., _Teller]


@pytest.fixture(autouse=True)
def _hears_its_own_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "_last", {})


def _files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "slots").glob("*.state"))


def test_others_are_told_of_this_process(tell: Tell, tmp_path: Path) -> None:
    teller = tell(b"body")
    (file,) = _files(tmp_path)

    assert f"0-{group_of('billing')}-{teller.life.token}.state" == file.name
    assert State(
        teller.life.token, 1, os.getpid(), start_ticks(), boot_id(), "billing", 1.0, ended=False, body=b"body"
    ) == State.decode(read_newest(file))
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)


def test_the_next_word_takes_the_place_of_the_last(tell: Tell, tmp_path: Path) -> None:
    teller = tell(b"first").tell(b"second", ended=True, now_s=2.0)
    (file,) = _files(tmp_path)
    state = State.decode(read_newest(file))

    assert (2, b"second", True, 2.0) == (state.sequence, state.body, state.ended, state.published_s)
    assert (True, True) == (teller.life.told, teller.life.ended)


def test_the_lock_says_whose_it_is(tell: Tell, tmp_path: Path) -> None:
    teller = tell(b"body")

    assert teller.life.token == (tmp_path / "slots" / "0.lock").read_text()


def test_a_life_that_moves_leaves_nothing_behind(tell: Tell, tmp_path: Path) -> None:
    teller = tell(b"first")
    other = acquire(tmp_path)
    assert other is not None

    teller.life.publish(other, {}, b"second", now_s=2.0)

    (file,) = _files(tmp_path)
    assert file.name.startswith("1-")
    assert 2 == State.decode(read_newest(file)).sequence
    other.close()


def test_a_life_that_changes_its_service_leaves_nothing_behind(tell: Tell, tmp_path: Path) -> None:
    teller = tell(b"first")
    teller.life.service = "shipping"

    teller.tell(b"second")

    (file,) = _files(tmp_path)
    assert group_of("shipping") in file.name
    assert "shipping" == State.decode(read_newest(file)).service


def test_what_was_told_can_be_taken_back(tell: Tell, tmp_path: Path) -> None:
    teller = tell(b"body")

    teller.life.withdraw()

    assert [] == _files(tmp_path)
    assert not teller.life.told


def test_a_sign_of_life_is_seen_in_the_files_time(tell: Tell, tmp_path: Path) -> None:
    teller = tell(b"body")
    (file,) = _files(tmp_path)
    os.utime(file, (1, 1))

    teller.life.touch()

    assert file.stat().st_mtime > 1
    assert b"body" in file.read_bytes()


def test_two_lives_of_a_process_have_two_names(tell: Tell) -> None:
    assert tell(b"").life.token != tell(b"").life.token


def test_what_cannot_be_written_is_counted_and_said(
    tell: Tell, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    teller = tell(b"before")
    (file,) = _files(tmp_path)
    (tmp_path / "slots" / "0.new").mkdir()
    large = b"x" * 100_000  # for which there is no room in the file

    with caplog.at_level(logging.WARNING, logger="queue_telemetry"):
        told = [teller.life.publish(teller.slot, {}, large, now_s=2.0) for _ in range(2)]

    assert [False, False] == told
    assert 2 == teller.life.failures
    assert b"before" == State.decode(read_newest(file)).body
    assert 1 == len(caplog.records)


def test_a_name_that_is_no_unicode_is_counted_and_raises_nothing(tell: Tell) -> None:
    teller = tell(b"body", service=None)
    teller.life.service = "\ud800"

    assert not teller.life.publish(teller.slot, {}, b"", now_s=2.0)
    assert 1 == teller.life.failures


def test_a_slot_that_was_given_back_is_not_written_to(tell: Tell, tmp_path: Path) -> None:
    teller = tell(b"body")
    closed = acquire(tmp_path)
    assert closed is not None
    closed.close()

    assert not teller.life.publish(closed, {}, b"", now_s=2.0)
    assert 1 == len(_files(tmp_path))


def test_who_finds_the_folder_gone_tells_all_again(tell: Tell, tmp_path: Path) -> None:
    teller = tell(b"body")
    assert teller.life.touch()
    shutil.rmtree(tmp_path)
    assert not teller.life.touch()

    teller.tell(b"more", now_s=2.0)

    (file,) = _files(tmp_path)
    assert b"more" == State.decode(read_newest(file)).body
    assert teller.life.token == (tmp_path / "slots" / "0.lock").read_text()
    assert (True, 0) == (teller.life.touch(), teller.life.failures)


def test_a_sign_of_life_behind_no_lock_is_none(tell: Tell, tmp_path: Path) -> None:
    teller = tell(b"body")
    (tmp_path / "slots" / "0.lock").unlink()

    assert not teller.life.touch()
