import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from queue_telemetry.processes import (
    Archive,
    CensusTaker,
    LastWord,
    Life,
    Slot,
    acquire,
    fold,
    folding,
    forget_unused,
    is_crowded,
    is_due,
)
from queue_telemetry.processes.boot import boot_id
from queue_telemetry.processes.census import archive_path


class _Teller(Protocol):
    slot: Slot
    life: Life

    def tell(self, body: bytes, *, ended: bool = False, now_s: float = 1.0) -> "_Teller": ...
    def die(self) -> "_Teller": ...


Tell = Callable[..., _Teller]


def _add_up(archive: bytes, dead: Sequence[LastWord]) -> bytes:
    return json.dumps(
        json.loads(archive or b"0") + sum(json.loads(life.state.body) for life in dead)
    ).encode()


def _fold(tmp_path: Path) -> tuple[LastWord, ...] | None:
    return fold(tmp_path, "billing", _add_up, wait_s=0.0)


def _total(tmp_path: Path) -> int:
    found = CensusTaker(tmp_path, "billing").take()
    counts = [*(life.state.body for life in found.living), *(life.state.body for life in found.dead)]
    return sum(map(int, counts)) + (0 if found.archive is None else int(found.archive.body))


def _states(tmp_path: Path) -> int:
    return len(list((tmp_path / "slots").glob("*.state")))


def test_the_dead_move_into_the_archive_and_the_living_stay(tell: Tell, tmp_path: Path) -> None:
    tell(b"1"), tell(b"10").die(), tell(b"100").die()

    dead = _fold(tmp_path)

    assert dead is not None
    assert [b"10", b"100"] == sorted(life.state.body for life in dead)
    found = CensusTaker(tmp_path, "billing").take()
    assert ([b"1"], ()) == ([life.state.body for life in found.living], found.dead)
    assert found.archive is not None
    assert (b"110", 2) == (found.archive.body, found.archive.lives)
    assert 1 == _states(tmp_path)


def test_a_second_fold_adds_to_the_first(tell: Tell, tmp_path: Path) -> None:
    tell(b"1").die()
    _fold(tmp_path)
    tell(b"10").die()

    _fold(tmp_path)

    assert 11 == _total(tmp_path)
    assert () == _fold(tmp_path)


def test_services_have_an_archive_each(tell: Tell, tmp_path: Path) -> None:
    tell(b"1").die(), tell(b"10", service="shipping").die()

    _fold(tmp_path)

    assert 1 == _states(tmp_path)
    assert 1 == _total(tmp_path)


def test_one_folds_at_a_time(tell: Tell, tmp_path: Path) -> None:
    tell(b"1").die()
    inner: list[object] = []

    def merge(archive: bytes, dead: Sequence[LastWord]) -> bytes:
        inner.append(_fold(tmp_path))
        return _add_up(archive, dead)

    fold(tmp_path, "billing", merge, wait_s=0.0)

    assert [None] == inner
    assert 1 == _total(tmp_path)


def test_a_damaged_file_of_a_dead_process_goes_and_one_of_a_living_stays(tell: Tell, tmp_path: Path) -> None:
    living, dead = tell(b"1"), tell(b"10").die()
    for teller in (living, dead):
        (file,) = (tmp_path / "slots").glob(f"*{teller.life.token}.state")
        file.write_bytes(b"damaged")

    assert () == _fold(tmp_path)
    assert [living.life.token] == [path.stem[-16:] for path in (tmp_path / "slots").glob("*.state")]


def test_the_archive_of_another_boot_is_replaced(tell: Tell, tmp_path: Path) -> None:
    path = archive_path(tmp_path, "billing")
    path.parent.mkdir()
    path.write_bytes(Archive("another", (), 5, b"1000").encode())
    tell(b"1").die()

    _fold(tmp_path)

    assert (boot_id(), 1, b"1") == (
        (archive := Archive.decode(path.read_bytes())).boot_id,
        archive.lives,
        archive.body,
    )


def test_a_damaged_archive_is_replaced_and_a_link_in_its_place_is_not_followed(
    tell: Tell, tmp_path: Path
) -> None:
    path = archive_path(tmp_path, "billing")
    path.parent.mkdir()
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    path.symlink_to(victim)
    tell(b"1").die()

    _fold(tmp_path)

    assert b"untouched" == victim.read_bytes()
    assert 1 == _total(tmp_path)


def test_an_archive_that_cannot_be_read_now_is_not_replaced(
    tell: Tell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as when the process has no descriptor left."""
    tell(b"1").die()
    _fold(tmp_path)
    tell(b"10").die()

    def no_descriptor(path: Path) -> tuple[Archive | None, int]:
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(folding, "read_archive", no_descriptor)
        with pytest.raises(OSError):
            _fold(tmp_path)

    assert 11 == _total(tmp_path)


def test_an_archive_that_cannot_be_written_leaves_all_where_it_is(tell: Tell, tmp_path: Path) -> None:
    tell(b"1").die()
    (tmp_path / "archives").mkdir()
    archive_path(tmp_path, "billing").with_suffix(".new").mkdir()

    with pytest.raises(OSError):
        _fold(tmp_path)

    assert 1 == _total(tmp_path)
    assert 1 == _states(tmp_path)


def test_a_life_that_goes_on_in_another_slot_is_not_archived(tell: Tell, tmp_path: Path) -> None:
    teller = tell(b"1")
    (old,) = (tmp_path / "slots").glob("*.state")
    copy, old_slot = old.read_bytes(), teller.slot
    other = acquire(tmp_path)
    assert other is not None
    teller.life.publish(other, {}, b"2", now_s=2.0)
    old.write_bytes(copy)
    old_slot.close()

    assert () == _fold(tmp_path)
    assert not old.exists()
    assert 2 == _total(tmp_path)
    other.close()


_KILLED_ANYWHERE = """
import json, os, signal, sys
from pathlib import Path
from queue_telemetry.processes import CensusTaker, Life, acquire, fold

state_dir = Path(sys.argv[1])

def add_up(archive, dead):
    return json.dumps(json.loads(archive or b"0") + sum(json.loads(life.state.body) for life in dead)).encode()

def total():
    found = CensusTaker(state_dir, "billing").take()
    counts = [*(life.state.body for life in found.living), *(life.state.body for life in found.dead)]
    return sum(map(int, counts)) + (0 if found.archive is None else int(found.archive.body))

def leave(body):
    slot = acquire(state_dir)
    Life("billing").publish(slot, {}, body, now_s=1.0)
    slot.close()

def in_a_child_that_dies_before(event, work):
    # killed before so many calls to the system: opening, locking, renaming, removing; True when it made fewer
    pid = os.fork()
    if not pid:
        left = [event]

        def count(name, _):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        work()
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0

def fold_all():
    fold(state_dir, "billing", add_up, wait_s=0.0)
"""
_FOLD = """
deaths, wrong, whole = 0, [], False
while not whole:
    leave(b"1"), leave(b"10")
    whole = in_a_child_that_dies_before(deaths, fold_all)
    deaths += 1
    counted = [total()]
    fold_all()
    counted.append(total())
    if counted != [11 * deaths] * 2:
        wrong.append((deaths, counted))
print(json.dumps([deaths, wrong, len(list(state_dir.glob("slots/*.state")))]))
"""
_PUBLISH = """
deaths, wrong, whole, least = 0, [], False, 0

def publish_thrice():
    slot, life = acquire(state_dir), Life("billing")
    for number in (b"1", b"2", b"3"):
        life.publish(slot, {}, number, now_s=1.0)

while not whole:
    whole = in_a_child_that_dies_before(deaths, publish_thrice)
    deaths += 1
    counted = total()
    fold_all()
    if counted != total() or not least <= counted <= least + 3:
        wrong.append((deaths, least, counted, total()))
    least = total()
print(json.dumps([deaths, wrong, len(list(state_dir.iterdir()))]))
"""


def _run(script: str, tmp_path: Path) -> list[Any]:
    said = subprocess.check_output(
        [sys.executable, "-c", _KILLED_ANYWHERE + script, str(tmp_path)], timeout=15
    )
    found: list[Any] = json.loads(said)
    return found


def test_a_fold_that_is_killed_anywhere_counts_nobody_twice_or_not_at_all(tmp_path: Path) -> None:
    deaths, wrong, left = _run(_FOLD, tmp_path)

    assert deaths >= 15
    assert ([], 0) == (wrong, left)


def test_a_publication_that_is_killed_anywhere_leaves_the_last_word_or_the_new_one(tmp_path: Path) -> None:
    deaths, wrong, left = _run(_PUBLISH, tmp_path)

    assert deaths >= 8
    assert ([], 2) == (wrong, left)


def test_a_fold_is_due_when_nobody_did_it_lately(tell: Tell, tmp_path: Path) -> None:
    tell(b"1").die()
    assert is_due(tmp_path, "billing")

    _fold(tmp_path)

    assert not is_due(tmp_path, "billing")
    lock = archive_path(tmp_path, "billing").with_suffix(".lock")
    for moment_s in (time.time() - 3, time.time() + 3):  # the clock may have been turned
        os.utime(lock, (moment_s, moment_s))
        assert is_due(tmp_path, "billing")


def test_many_files_are_a_crowd(tell: Tell, tmp_path: Path) -> None:
    for _ in range(63):
        tell(b"1").die()
    tell(b"1", service="shipping").die()
    assert not is_crowded(tmp_path, "billing")

    tell(b"1").die()

    assert is_crowded(tmp_path, "billing")


def test_services_that_are_gone_for_a_week_are_forgotten(tell: Tell, tmp_path: Path) -> None:
    tell(b"1").die()
    _fold(tmp_path)
    living, dead, fresh = (
        tell(b"2", service="a"),
        tell(b"3", service="b").die(),
        tell(b"4", service="c").die(),
    )
    fold(tmp_path, "a", _add_up, wait_s=0.0)
    long_ago_s = time.time() - 8 * 86_400
    for path in tmp_path.rglob("*"):
        if path.is_file() and fresh.life.token not in path.name:
            os.utime(path, (long_ago_s, long_ago_s))
    fold(tmp_path, "a", _add_up, wait_s=0.0)

    forget_unused(tmp_path)

    assert [path.stem[-16:] for path in (tmp_path / "slots").glob("*.state")] == [
        token
        for token in (path.stem[-16:] for path in (tmp_path / "slots").glob("*.state"))
        if token in {living.life.token, fresh.life.token}
    ]
    assert 2 == _states(tmp_path)
    assert dead.life.token not in {path.stem[-16:] for path in (tmp_path / "slots").iterdir()}
    assert ["lock"] == [path.suffix[1:] for path in (tmp_path / "archives").iterdir()]
