"""The files of a folder in which processes tell of themselves, and who of them lives.

Loads little: a probe command has little time.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from queue_telemetry.processes._files import version_of
from queue_telemetry.processes._two_copies import read_newest
from queue_telemetry.processes.boot import boot_id
from queue_telemetry.processes.liveness import holds
from queue_telemetry.processes.state import State

__all__ = ["LastWord", "StateFile", "living_states", "read_state", "state_files"]

_NAME: Final = re.compile(r"(\d{1,4})-([0-9a-f]{8})-([0-9a-f]{16})\.state")


@dataclass(frozen=True, slots=True)
class StateFile:
    """One file with a state in it.

    Attributes:
        path: Where it is.
        slot: The number of the slot that its writer held.
        group: The group of its service, as `group_of` names it.
        token: The life that it tells of.
    """

    path: Path
    slot: int
    group: str
    token: str

    @property
    def is_alive(self) -> bool:
        """Whether its writer holds its slot. To be asked after reading: what a dead one wrote is its last word."""
        return holds(self.path.parent, self.slot, self.token)


@dataclass(frozen=True, slots=True)
class LastWord:
    """What a life told last, one that goes on or is over.

    Attributes:
        state: What it told.
        touched_s: When its file was last written, or touched as a sign of life; seconds since the epoch.
    """

    state: State
    touched_s: float


def state_files(slots: Path) -> Iterator[StateFile]:
    """Yield the state files of all services; none where there is no folder."""
    with suppress(OSError):
        for path in slots.iterdir():
            matched = _NAME.fullmatch(path.name)
            if matched is not None:
                yield StateFile(path, int(matched[1]), matched[2], matched[3])


def read_state(file: StateFile) -> State:
    """Return what a file tells.

    Raises:
        FileNotFoundError: It is gone.
        OSError: It cannot be read at present.
        ValueError: It is not ours, damaged, or of another version.
    """
    state = State.decode(read_newest(file.path))
    if state.token != file.token:
        raise ValueError("it tells of another life than its name")
    return state


def living_states(state_dir: Path) -> list[LastWord]:
    """Return what the living processes of all services tell, by slot. What cannot be read is passed over."""
    found = []
    for file in sorted(state_files(state_dir / "slots"), key=lambda one: one.slot):
        with suppress(OSError, ValueError):
            living = LastWord(read_state(file), version_of(file.path).mtime_s)
            if living.state.boot_id == boot_id() and file.is_alive:
                found.append(living)
    return found
