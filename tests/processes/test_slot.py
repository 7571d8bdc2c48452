import os
import shutil
import stat
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol

import pytest

from queue_telemetry.processes import Slot, acquire
from queue_telemetry.processes.liveness import holds


class _Holder(Protocol):
    def number(self) -> int: ...
    def kill(self) -> None: ...
    def end(self) -> None: ...


Hold = Callable[[], _Holder]


@pytest.fixture
def take(tmp_path: Path) -> Generator[Callable[[], Slot]]:
    with ExitStack() as stack:

        def one() -> Slot:
            slot = acquire(tmp_path)
            assert slot is not None
            return stack.enter_context(closing(slot))

        yield one


def _in_child(work: Callable[[], object]) -> None:
    """Run *work* in a forked child and wait for it; it fails the test when it raises or returns False."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if work() is not False else 1)
        except BaseException:
            os._exit(2)
    assert 0 == os.waitpid(pid, 0)[1]


def test_eight_processes_hold_eight_numbers_and_a_killed_ones_is_reused(hold: Hold) -> None:
    holders = [hold() for _ in range(8)]
    by_number = {holder.number(): holder for holder in holders}
    assert set(range(8)) == set(by_number)

    by_number[3].kill()

    assert 3 == hold().number()


def test_a_process_that_ends_gives_its_number_back(hold: Hold, take: Callable[[], Slot]) -> None:
    holder = hold()
    assert 0 == holder.number()
    holder.end()

    assert 0 == take().number


def test_numbers_are_the_smallest_free(take: Callable[[], Slot]) -> None:
    first, second, third = take(), take(), take()
    assert [0, 1, 2] == [first.number, second.number, third.number]

    second.close()

    assert 1 == take().number


def test_closing_twice_leaves_the_next_holder_alone(take: Callable[[], Slot]) -> None:
    first = take()
    first.close()
    second = take()
    first.close()

    assert (0, 1) == (second.number, take().number)


def test_a_child_that_forgets_does_not_free_the_parents(take: Callable[[], Slot]) -> None:
    slot = take()

    _in_child(slot.forget)

    assert 1 == take().number


def test_a_child_that_closes_does_not_free_the_parents(take: Callable[[], Slot]) -> None:
    slot = take()

    _in_child(slot.close)

    assert 1 == take().number


def test_a_child_that_forgot_takes_a_number_of_its_own(take: Callable[[], Slot], tmp_path: Path) -> None:
    slot = take()

    def child() -> bool:
        slot.forget()
        own = acquire(tmp_path)
        return own is not None and own.number == 1

    _in_child(child)


def test_closing_frees_the_number_though_a_child_lives_that_never_forgot(take: Callable[[], Slot]) -> None:
    slot = take()
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(write_end)
        os.read(read_end, 1)
        os._exit(0)
    try:
        slot.close()

        assert 0 == take().number
    finally:
        os.close(read_end)
        os.close(write_end)
        os.waitpid(pid, 0)


def test_what_took_over_its_descriptor_stays_open(take: Callable[[], Slot], tmp_path: Path) -> None:
    slot = take()
    descriptor = slot._descriptor
    assert descriptor is not None
    with (tmp_path / "users").open("w") as users:
        os.dup2(users.fileno(), descriptor)

        slot.close()

        assert 1 == os.write(descriptor, b"x")
        os.close(descriptor)


def test_a_lock_file_is_private(take: Callable[[], Slot], tmp_path: Path) -> None:
    take()

    assert 0o600 == stat.S_IMODE((tmp_path / "slots" / "0.lock").stat().st_mode)
    assert 0o700 == stat.S_IMODE((tmp_path / "slots").stat().st_mode)


def test_a_programme_that_it_starts_does_not_inherit_the_lock(take: Callable[[], Slot]) -> None:
    descriptor = take()._descriptor
    assert descriptor is not None

    assert not os.get_inheritable(descriptor)


@pytest.mark.parametrize("obstacle", ["link", "folder"])
def test_a_number_that_is_in_the_way_is_passed_over(
    take: Callable[[], Slot], tmp_path: Path, obstacle: str
) -> None:
    (tmp_path / "slots").mkdir()
    target = tmp_path / "target"
    if obstacle == "link":
        (tmp_path / "slots" / "0.lock").symlink_to(target)
    else:
        (tmp_path / "slots" / "0.lock").mkdir()

    assert 1 == take().number
    assert not target.exists()


def test_the_search_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_telemetry.processes.slot._MAX_SLOTS", 2)
    slots = [acquire(tmp_path) for _ in range(3)]

    assert [0, 1, None] == [slot and slot.number for slot in slots]
    for slot in slots:
        if slot is not None:
            slot.close()


def test_a_folder_that_cannot_be_used_gives_none(tmp_path: Path) -> None:
    (tmp_path / "slots").write_text("in the way")

    assert acquire(tmp_path) is None
    assert acquire(tmp_path / "absent") is None


def test_a_number_is_held_by_who_signed(take: Callable[[], Slot], tmp_path: Path) -> None:
    slot = take()
    slot.sign("a" * 16)
    folder = tmp_path / "slots"

    assert holds(folder, 0, "a" * 16)
    assert not holds(folder, 0, "b" * 16)
    assert not holds(folder, 1, "a" * 16)

    slot.close()
    assert not holds(folder, 0, "a" * 16)


def test_a_later_signature_counts(take: Callable[[], Slot], tmp_path: Path) -> None:
    slot = take()
    slot.sign("a" * 16)
    slot.sign("b" * 16)

    assert holds(tmp_path / "slots", 0, "b" * 16)


def test_looking_holds_nothing(take: Callable[[], Slot], tmp_path: Path) -> None:
    take().close()

    assert [False, False] == [holds(tmp_path / "slots", 0, "a" * 16) for _ in range(2)]
    assert 0 == take().number


def test_a_lock_that_cannot_be_looked_at_counts_as_held(tmp_path: Path) -> None:
    """Nobody is to be taken for dead by mistake."""
    (tmp_path / "0.lock").symlink_to(tmp_path / "elsewhere")

    assert holds(tmp_path, 0, "a" * 16)


def test_a_number_that_was_given_back_or_is_the_parents_is_not_signed(take: Callable[[], Slot]) -> None:
    slot = take()

    def child() -> bool:
        try:
            slot.sign("a" * 16)
        except OSError:
            return True
        return False

    _in_child(child)
    slot.close()
    with pytest.raises(OSError):
        slot.sign("a" * 16)


def test_a_number_whose_folder_was_cleaned_away_is_held_anew(
    take: Callable[[], Slot], hold: Hold, tmp_path: Path
) -> None:
    slot = take()
    assert slot.stands()
    shutil.rmtree(tmp_path)
    assert not slot.stands()

    slot.renew()

    assert (True, 0) == (slot.stands(), slot.number)
    assert 0o700 == stat.S_IMODE(tmp_path.stat().st_mode)
    assert 1 == hold().number()


def test_a_number_that_was_taken_meanwhile_becomes_another(
    take: Callable[[], Slot], hold: Hold, tmp_path: Path
) -> None:
    slot = take()
    (tmp_path / "slots" / "0.lock").unlink()
    assert 0 == hold().number()
    assert not slot.stands()

    slot.renew()

    assert (True, 1) == (slot.stands(), slot.number)


def test_a_number_that_was_given_back_is_not_held_anew(take: Callable[[], Slot], tmp_path: Path) -> None:
    slot = take()
    slot.close()

    with pytest.raises(OSError, match="Bad file"):
        slot.renew()


def test_where_there_can_be_no_folder_no_number_is_held_anew(
    take: Callable[[], Slot], tmp_path: Path
) -> None:
    slot = take()
    shutil.rmtree(tmp_path)
    tmp_path.touch()

    with pytest.raises(FileNotFoundError):
        slot.renew()

    tmp_path.unlink()
    tmp_path.mkdir()
