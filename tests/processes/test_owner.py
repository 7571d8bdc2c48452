import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from queue_telemetry._runtime import log
from queue_telemetry.processes import Ownership

_OWNER = """
import sys
from pathlib import Path
from queue_telemetry.processes import Ownership

ownership = Ownership(Path(sys.argv[1]), sys.argv[2])
print(ownership.take(), flush=True)
sys.stdin.read()
ownership.release()
print("released", flush=True)
sys.stdin.read()
"""


class Owner:
    """Another process that asks for a duty once, and keeps it until it is told or killed."""

    def __init__(self, state_dir: Path, duty: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _OWNER, str(state_dir), duty],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], 15)[0]
        self.owns = self.process.stdout.readline() == "True\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(timeout=10)


@pytest.fixture
def start(tmp_path: Path) -> Generator[Callable[[str], Owner]]:
    owners: list[Owner] = []

    def one(duty: str) -> Owner:
        owners.append(Owner(tmp_path, duty))
        return owners[-1]

    yield one
    for owner in owners:
        owner.kill()
        for stream in (owner.process.stdin, owner.process.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture
def ownership(tmp_path: Path) -> Generator[Ownership]:
    one = Ownership(tmp_path, "alerts")
    yield one
    one.release()


def _in_child(work: Callable[[], bool]) -> bool:
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(2)
    status = os.waitpid(pid, 0)[1]
    assert os.waitstatus_to_exitcode(status) < 2
    return not status


def test_one_process_has_the_duty_until_it_dies(start: Callable[[str], Owner], ownership: Ownership) -> None:
    owner = start("alerts")
    assert owner.owns
    assert not ownership.take()

    owner.kill()

    assert ownership.take()
    assert ownership.take()
    assert not start("alerts").owns


def test_duties_are_apart_also_where_file_names_cannot_tell_them(
    start: Callable[[str], Owner], tmp_path: Path
) -> None:
    names = [
        "queue_size:mail",
        "queue_size:mail/in",
        "queue_size:mail_in",
        "queue_size:" + "x" * 300,
        "ñ\x00\ud800",
    ]
    owned = [Ownership(tmp_path, name) for name in names]

    assert [True] * len(names) == [one.take() for one in owned]
    assert len(names) == len(list((tmp_path / "owners").iterdir()))
    assert not start(names[1]).owns
    for one in owned:
        one.release()


def test_a_duty_that_is_given_back_is_anybodys(start: Callable[[str], Owner], ownership: Ownership) -> None:
    assert ownership.take()
    ownership.release()
    ownership.release()

    assert start("alerts").owns
    assert not ownership.take()


def test_a_forked_child_neither_has_it_nor_holds_it(tmp_path: Path, ownership: Ownership) -> None:
    assert ownership.take()

    def child() -> bool:
        ownership.forget()
        return Ownership(tmp_path, "alerts").take()

    def releasing_child() -> bool:
        ownership.release()
        return Ownership(tmp_path, "alerts").take()

    assert not _in_child(child)
    assert not _in_child(releasing_child)
    assert ownership.take()


def test_a_childs_copy_of_the_lock_does_not_outlive_a_release(
    start: Callable[[str], Owner], ownership: Ownership
) -> None:
    """A child that never used the library has the descriptor still."""
    assert ownership.take()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    try:
        ownership.release()
        assert start("alerts").owns
    finally:
        os.close(writer)
        os.close(reader)
        os.waitpid(pid, 0)


def test_when_the_lock_file_is_cleaned_away_there_is_one_owner_again(
    start: Callable[[str], Owner], ownership: Ownership, tmp_path: Path
) -> None:
    assert ownership.take()
    for path in (tmp_path / "owners").iterdir():
        path.unlink()

    assert start("alerts").owns

    assert not ownership.take()


def test_when_it_was_done_last_is_known_to_who_takes_over(ownership: Ownership, tmp_path: Path) -> None:
    assert ownership.take()
    assert ownership.done_at_s() is None
    began_s = time.time()
    ownership.note_done()
    ownership.release()

    after = Ownership(tmp_path, "alerts")
    assert after.done_at_s() is None  # it has to be taken first
    assert after.take()
    assert began_s - 1 <= (after.done_at_s() or 0) <= time.time() + 1
    after.release()
    after.note_done()


@pytest.mark.parametrize("word", [b"", b"short", b"longer than the one before it"])
def test_the_last_word_is_known_to_who_takes_over(ownership: Ownership, tmp_path: Path, word: bytes) -> None:
    assert b"" == ownership.word()
    assert ownership.take()
    assert b"" == ownership.word()
    ownership.note_done(b"the word before")
    ownership.note_done(word)
    ownership.release()

    after = Ownership(tmp_path, "alerts")
    assert after.take()
    assert word == after.word()
    after.release()


def test_a_word_that_was_not_written_whole_is_none(ownership: Ownership, tmp_path: Path) -> None:
    (tmp_path / "owners").mkdir()
    (tmp_path / "owners" / ownership._name).write_bytes(b"half a wo")

    assert ownership.take()
    assert b"" == ownership.word()


def test_without_a_folder_each_process_has_the_duty() -> None:
    assert Ownership(None, "alerts").take()


def test_where_there_can_be_no_lock_each_process_has_the_duty_which_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_last", {})
    (tmp_path / "owners").write_text("")

    assert Ownership(tmp_path, "alerts").take()
    assert ["no lock"] == [record.getMessage()[:7] for record in caplog.records]


def test_the_lock_is_not_followed_through_a_link(tmp_path: Path) -> None:
    ownership = Ownership(tmp_path, "alerts")
    (tmp_path / "owners").mkdir()
    target = tmp_path / "precious"
    (tmp_path / "owners" / ownership._name).symlink_to(target)

    assert ownership.take()
    assert not target.exists()
