"""Moves what dead processes left into their service's archive, so that their files are few however many there were."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from queue_telemetry._runtime import say
from queue_telemetry.processes._files import version_of, write_whole
from queue_telemetry.processes._turn import turn
from queue_telemetry.processes.archive import Archive
from queue_telemetry.processes.boot import boot_id
from queue_telemetry.processes.census import archive_path, read_archive
from queue_telemetry.processes.state import State, group_of
from queue_telemetry.processes.state_files import LastWord, read_state, state_files

__all__ = ["Merge", "fold", "forget_unused", "is_crowded", "is_due"]

Merge = Callable[[bytes, Sequence[LastWord]], bytes]
"""Adds up an archive's body, empty for none, and the bodies of the dead; passes over what it cannot read."""

_UNUSED_S: Final = 7 * 86_400.0
_CROWD: Final = 64  # state files; reading so many and adding them up takes some ten milliseconds
_DUE_S: Final = 2.0  # a killed process's tasks are told to be lost this soon


def is_due(state_dir: Path, service: str | None) -> bool:
    """Tell whether no process of the service folded lately, so that this one should. Must not raise."""
    try:
        age_s = time.time() - _lock_path(state_dir, service).stat().st_mtime
    except OSError:
        return True
    return not 0 <= age_s < _DUE_S  # clocks are turned


def is_crowded(state_dir: Path, service: str | None) -> bool:
    """Tell whether there are so many files that one who comes should fold. Must not raise."""
    group = group_of(service)
    return sum(file.group == group for file in state_files(state_dir / "slots")) >= _CROWD


def fold(state_dir: Path, service: str | None, merge: Merge, *, wait_s: float) -> tuple[LastWord, ...] | None:
    """Move all dead of a service into its archive.

    The archive is replaced whole, and names whom it holds, before their files go: a fold that is cut off at any point
    neither counts one twice nor loses one, and the next fold ends it.

    Args:
        state_dir: A folder from `private_dir`.
        service: Whose dead.
        merge: Adds the bodies up.
        wait_s: How long to wait for another process that is at it, seconds.

    Returns:
        The dead that this call moved; None when another process did not come to an end in time.

    Raises:
        OSError: The archive cannot be read or written: nothing is moved.
    """
    lock = _lock_path(state_dir, service)
    lock.parent.mkdir(mode=0o700, exist_ok=True)
    with turn(lock, wait_s) as held:
        if not held:
            return None
        lock.touch(mode=0o600)
        return _fold(state_dir, service, merge)


def _fold(state_dir: Path, service: str | None, merge: Merge) -> tuple[LastWord, ...]:
    path = archive_path(state_dir, service)
    archive = read_archive(path)[0] or Archive(boot_id())
    look = _look(state_dir / "slots", group_of(service))
    last: dict[str, LastWord] = {}
    for _, word in look.dead:
        state = word.state
        if (
            state.token not in archive.tokens
            and state.token not in look.living
            and state.token not in look.unread
        ):
            last[state.token] = max(word, last.get(state.token, word), key=lambda one: one.state.sequence)
    dead = tuple(last.values())
    if dead:
        body = merge(archive.body, dead)
        archive = archive.with_dead(tuple(last), body, in_sight=frozenset(look.tokens))
        write_whole(path, archive.encode(), unfinished=path.with_suffix(".new"))
    over = look.living.union(archive.tokens)
    spent = [file for file, word in look.dead if word.state.token in over]
    for file in (*spent, *look.useless):
        with suppress(OSError):  # a later fold tries again, and nobody counts it meanwhile
            file.unlink()
    return dead


@dataclass(slots=True)
class _Look:
    """What a fold found of its service.

    Attributes:
        tokens: All lives whose files are there.
        living: Those that go on.
        unread: Those of which a file could not be read at present: they are left for another time.
        dead: The files of lives that are over in their slot, with what they tell. One may go on in another slot.
        useless: Files of no living writer that nobody will ever read.
    """

    tokens: set[str] = field(default_factory=set)
    living: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    dead: list[tuple[Path, LastWord]] = field(default_factory=list)
    useless: list[Path] = field(default_factory=list)


def _look(slots: Path, group: str) -> _Look:
    look = _Look()
    for file in state_files(slots):
        if file.group != group:
            continue
        look.tokens.add(file.token)
        state: State | None = None
        try:
            touched_s = version_of(file.path).mtime_s
            state = read_state(file)
        except OSError:
            look.unread.add(file.token)
            continue
        except ValueError as error:
            say("folding", "the state of a process is lost: %s: %s", file.path.name, error)
        if file.is_alive:
            look.living.add(file.token)
        elif state is None or state.boot_id != boot_id():
            look.useless.append(file.path)
        elif file.path.exists():  # else its writer went on in another slot just now
            look.dead.append((file.path, LastWord(state, touched_s)))
    return look


def forget_unused(state_dir: Path) -> None:
    """Remove what services left that have been gone for a week, such as those of former releases. Must not raise."""
    oldest_s = time.time() - _UNUSED_S
    for lock in _stale(state_dir / "archives", "*.lock", oldest_s):
        with suppress(OSError), turn(lock, 0.0) as held:
            if held:
                lock.with_suffix(".archive").unlink(missing_ok=True)
                lock.unlink()
    for file in list(state_files(state_dir / "slots")):
        with suppress(OSError):
            if file.path.stat().st_mtime < oldest_s and not file.is_alive:
                file.path.unlink()


def _stale(folder: Path, pattern: str, oldest_s: float) -> list[Path]:
    found = []
    with suppress(OSError):
        for path in folder.glob(pattern):
            with suppress(OSError):
                if path.lstat().st_mtime < oldest_s:
                    found.append(path)
    return found


def _lock_path(state_dir: Path, service: str | None) -> Path:
    return archive_path(state_dir, service).with_suffix(".lock")
