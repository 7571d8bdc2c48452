"""Who lives and who died: a look at what the processes of one service have told, which changes nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from queue_telemetry._runtime import say
from queue_telemetry.processes._files import Version, read_whole, version_of
from queue_telemetry.processes.archive import Archive
from queue_telemetry.processes.boot import boot_id
from queue_telemetry.processes.state import State, group_of
from queue_telemetry.processes.state_files import LastWord, read_state, state_files

__all__ = ["Census", "CensusTaker", "archive_path", "read_archive"]

_LOOKS: Final = 3  # files come and go while they are read; what is gone after so many is in the archive


@dataclass(frozen=True, slots=True)
class Census:
    """The processes of one service on this host.

    Attributes:
        living: Each life that goes on, by slot.
        dead: Each that is over and not yet in the archive.
        archive: The dead before those; None when there are none, or it cannot be used.
        unusable: Files that were passed over: damaged, of another version, or not ours.
    """

    living: tuple[LastWord, ...] = ()
    dead: tuple[LastWord, ...] = ()
    archive: Archive | None = None
    unusable: int = 0


class CensusTaker:
    """Looks at the files of one service. Remembers what it read from files that have not changed. Not thread-safe.

    Args:
        state_dir: A folder from `private_dir`.
        service: Whose processes to look for.
    """

    def __init__(self, state_dir: Path, service: str | None) -> None:
        self._slots = state_dir / "slots"
        self._archive = archive_path(state_dir, service)
        self._service = service
        self._group = group_of(service)
        self._known: dict[Path, tuple[Version, State]] = {}
        self._known_archive: tuple[Version, Archive | None, int] | None = None

    def take(self) -> Census:
        """Look once.

        Counts each life once, whatever others do meanwhile: states are read before the archive, which bears the tokens
        of those it holds, and a file goes only after the archive has it or its life went on in another slot.
        """
        for _ in range(_LOOKS):
            found, unusable, vanished = self._look()
            if not vanished:
                break
        archive, archive_unusable = self._read_archive()
        held = frozenset() if archive is None else frozenset(archive.tokens)
        lives: dict[str, tuple[LastWord, bool]] = {}
        for one, alive in found:
            token = one.state.token
            before = lives.get(token)
            if token not in held and (before is None or before[0].state.sequence < one.state.sequence):
                lives[token] = one, alive
        return Census(
            living=tuple(one for one, alive in lives.values() if alive),
            dead=tuple(one for one, alive in lives.values() if not alive),
            archive=archive,
            unusable=unusable + archive_unusable,
        )

    def _look(self) -> tuple[list[tuple[LastWord, bool]], int, bool]:
        """Return the states with whether their writers live, the number of unusable files, and whether one vanished."""
        found: list[tuple[LastWord, bool]] = []
        unusable, vanished = 0, False
        known, self._known = self._known, {}
        for file in sorted(state_files(self._slots), key=lambda one: one.slot):
            if file.group != self._group:
                continue
            try:
                version = version_of(file.path)
                remembered = known.get(file.path)
                state = remembered[1] if remembered and remembered[0] == version else read_state(file)
                if not version.may_change_unseen():
                    self._known[file.path] = version, state
                alive = file.is_alive
                vanished |= not alive and not file.path.exists()
            except FileNotFoundError:
                vanished = True
            except (OSError, ValueError) as error:
                unusable += 1
                say("state_file", "a process's state is passed over: %s: %s", file.path.name, error)
            else:
                if state.service == self._service and state.boot_id == boot_id():
                    found.append((LastWord(state, version.mtime_s), alive))
        return found, unusable, vanished

    def _read_archive(self) -> tuple[Archive | None, int]:
        try:
            version = version_of(self._archive)
        except FileNotFoundError:
            return None, 0
        except OSError:
            return None, 1
        if self._known_archive is None or self._known_archive[0] != version:
            try:
                self._known_archive = version, *read_archive(self._archive)
            except OSError as error:
                say("archive_file", "what dead processes left cannot be read: %s", error.strerror)
                return None, 1
        return self._known_archive[1:]


def archive_path(state_dir: Path, service: str | None) -> Path:
    """Return where the archive of a service is."""
    return state_dir / "archives" / f"{group_of(service)}.archive"


def read_archive(path: Path) -> tuple[Archive | None, int]:
    """Return an archive, None when there is none for this boot; and 1 if a damaged one was passed over, which is said.

    Raises:
        OSError: It is there and cannot be read at present.
    """
    try:
        archive = Archive.decode(read_whole(path))
    except FileNotFoundError:
        return None, 0
    except ValueError as error:
        say("archive_file", "what dead processes left is passed over: %s: %s", path.name, error)
        return None, 1
    return (archive if archive.boot_id == boot_id() else None), 0
