import os
import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from queue_telemetry.processes import Archive, Census, CensusTaker, Life, Slot, State, acquire, state_files
from queue_telemetry.processes._two_copies import read_newest, write_next
from queue_telemetry.processes.boot import boot_id
from queue_telemetry.processes.census import archive_path, read_archive


class _Teller(Protocol):
    slot: Slot
    life: Life

    def tell(self, body: bytes, *, ended: bool = False, now_s: float = 1.0) -> "_Teller": ...
    def die(self) -> "_Teller": ...


Tell = Callable[..., _Teller]


@pytest.fixture
def take(tmp_path: Path) -> Callable[[], Census]:
    return CensusTaker(tmp_path, "billing").take


def _living(found: Census) -> list[bytes]:
    return [life.state.body for life in found.living]


def _dead(found: Census) -> list[bytes]:
    return sorted(life.state.body for life in found.dead)


def _file_of(tmp_path: Path, teller: _Teller) -> Path:
    (file,) = (tmp_path / "slots").glob(f"*{teller.life.token}.state")
    return file


def test_nothing_is_there_at_first(take: Callable[[], Census]) -> None:
    assert Census() == take()


def test_the_living_by_slot_and_the_dead(take: Callable[[], Census], tell: Tell) -> None:
    tell(b"a"), tell(b"b"), tell(b"c").die(), tell(b"d")

    found = take()

    assert ([b"a", b"b", b"d"], [b"c"]) == (_living(found), _dead(found))


def test_a_killed_process_is_dead(take: Callable[[], Census], tell: Tell, tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            slot = acquire(tmp_path)
            if slot is not None and Life("billing").publish(slot, {}, b"child", now_s=1.0):
                os.write(write_end, b"x")
                signal.pause()
        finally:
            os._exit(1)  # else a failure would go on in here, in a copy of the test runner
    os.close(write_end)
    assert b"x" == os.read(read_end, 1)
    assert [b"child"] == _living(take())

    os.kill(pid, 9)
    os.waitpid(pid, 0)

    assert ([], [b"child"]) == (_living(take()), _dead(take()))
    os.close(read_end)


def test_who_holds_a_dead_ones_number_does_not_bring_it_back(take: Callable[[], Census], tell: Tell) -> None:
    tell(b"first").die()
    second = tell(b"second")
    assert 0 == second.slot.number

    assert ([b"second"], [b"first"]) == (_living(take()), _dead(take()))


def test_a_number_whose_new_holder_said_nothing_yet_keeps_the_last_one_in_flight(
    take: Callable[[], Census], tell: Tell, tmp_path: Path
) -> None:
    """For a moment: nobody is to be taken for dead by mistake."""
    tell(b"first").die()
    slot = acquire(tmp_path)
    assert slot is not None

    assert [b"first"] == _living(take())

    slot.sign("0" * 16)
    assert [b"first"] == _dead(take())
    slot.close()


def test_other_services_are_passed_over(take: Callable[[], Census], tell: Tell) -> None:
    tell(b"other", service="shipping"), tell(b"none", service=None), tell(b"ours")

    assert Census(living=take().living) == take()
    assert [b"ours"] == _living(take())


def test_what_is_new_is_read_again_and_nothing_else(
    take: Callable[[], Census], tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def note(path: Path) -> bytes:
        read.append(path)
        return read_newest(path)

    monkeypatch.setattr(state_files, "read_newest", note)
    first, second = tell(b"a"), tell(b"b")
    for teller in (first, second):  # what was written within the same instant may be written again unseen
        os.utime(_file_of(tmp_path, teller), (1e9, 1e9))
    take(), take()
    assert 2 == len(read)

    first.tell(b"c")

    assert [b"c", b"b"] == _living(take())
    assert 3 == len(read)


def test_what_is_written_twice_in_an_instant_is_read_twice(take: Callable[[], Census], tell: Tell) -> None:
    teller = tell(b"0")
    for number in range(1, 50):
        teller.tell(b"%d" % number)
        assert [b"%d" % number] == _living(take())


def test_of_a_life_in_two_slots_the_last_word_counts(
    take: Callable[[], Census], tell: Tell, tmp_path: Path
) -> None:
    """As when it is killed between telling in the new one and taking away the old one."""
    teller = tell(b"old")
    old = _file_of(tmp_path, teller)
    copy = old.read_bytes()
    other = acquire(tmp_path)
    assert other is not None
    teller.life.publish(other, {}, b"new", now_s=2.0)
    old.write_bytes(copy)

    assert ([b"new"], []) == (_living(take()), _dead(take()))

    other.close()
    teller.die()
    assert ([], [b"new"]) == (_living(take()), _dead(take()))


def test_a_state_that_is_in_the_archive_counts_no_more(
    take: Callable[[], Census], tell: Tell, tmp_path: Path
) -> None:
    teller = tell(b"dead").die()
    path = archive_path(tmp_path, "billing")
    path.parent.mkdir()
    archive = Archive(boot_id(), (teller.life.token,), 1, b"archived")
    path.write_bytes(archive.encode())

    assert Census(archive=archive) == take()


def test_what_is_from_before_the_boot_counts_no_more(
    take: Callable[[], Census], tell: Tell, tmp_path: Path
) -> None:
    """Its times mean nothing any more."""
    teller = tell(b"dead").die()
    file = _file_of(tmp_path, teller)
    state = State.decode(read_newest(file))
    older = state.encode().replace(boot_id().encode(), b"another")
    write_next(file, older, 2, unfinished=tmp_path / "new")
    path = archive_path(tmp_path, "billing")
    path.parent.mkdir()
    path.write_bytes(Archive("another", (), 1, b"archived").encode())

    assert Census() == take()


@pytest.mark.parametrize("damage", ["cut", "empty", "link", "folder", "renamed", "foreign"])
def test_a_file_that_cannot_be_used_is_counted_and_passed_over(
    take: Callable[[], Census], tell: Tell, tmp_path: Path, damage: str
) -> None:
    tell(b"a")
    file = _file_of(tmp_path, tell(b"bad"))
    data = file.read_bytes()
    file.unlink()
    match damage:
        case "cut":
            file.write_bytes(data[:5000])
        case "empty":
            file.touch()
        case "link":
            (tmp_path / "real").write_bytes(data)
            file.symlink_to(tmp_path / "real")
        case "folder":
            file.mkdir()
        case "renamed":
            file = file.with_name(file.name[:-10] + "ffff.state")
            file.write_bytes(data)
        case "foreign":
            if os.geteuid() != 0:
                pytest.skip("only root gives files away")
            file.write_bytes(data)
            os.chown(file, 12345, -1)

    found = take()

    assert ([b"a"], [], 1) == (_living(found), _dead(found), found.unusable)


@pytest.mark.parametrize("damage", [b"", b"{}\n", b"\xff" * 100])
def test_an_archive_that_cannot_be_used_is_counted_once(
    take: Callable[[], Census], tell: Tell, tmp_path: Path, damage: bytes
) -> None:
    tell(b"a")
    path = archive_path(tmp_path, "billing")
    path.parent.mkdir()
    path.write_bytes(damage)

    assert [([b"a"], None, 1)] * 2 == [
        (_living(found), found.archive, found.unusable) for found in (take(), take())
    ]


def test_looking_changes_nothing(take: Callable[[], Census], tell: Tell, tmp_path: Path) -> None:
    tell(b"a"), tell(b"b").die()
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in tmp_path.rglob("*")}

    take()

    assert before == {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in tmp_path.rglob("*")}


def test_a_number_is_free_while_others_look(take: Callable[[], Census], tell: Tell) -> None:
    tell(b"a").die()
    take()

    assert 0 == tell(b"b").slot.number


def test_an_archive_that_cannot_be_read_now_is_not_taken_for_none(tmp_path: Path) -> None:
    """Who took it for none would replace it."""
    path = tmp_path / "billing.archive"
    archive = Archive(boot_id(), (), 5, b"archived")
    path.write_bytes(archive.encode())
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(OSError):
            read_archive(path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert (archive, 0) == read_archive(path)
