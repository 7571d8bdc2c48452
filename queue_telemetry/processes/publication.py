"""Tells the other processes of the host about this one: writes its state into the file of its slot, again and again."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from queue_telemetry._runtime import say
from queue_telemetry.processes._two_copies import write_next
from queue_telemetry.processes.boot import boot_id, start_ticks
from queue_telemetry.processes.slot import Slot
from queue_telemetry.processes.state import State, group_of

__all__ = ["Life"]

_SIGNED_AGAIN_S: Final = 3_600.0  # what cleans temporary folders takes files that were not written for days


class Life:
    """One life that others are told of: from the first event of a telemetry in a process to its close.

    It may move to another slot or service, where it goes on counting. Not thread-safe, and not fork-aware: a child begins its own.

    Args:
        service: Whose process it is.

    Attributes:
        token: Its name.
        service: Whose process it is.
        start_ticks: When the process started, as in `State`.
        told: Others were told of it.
        ended: Its last word was said.
        failures: Publications that did not come about.
    """

    def __init__(self, service: str | None) -> None:
        self.token = secrets.token_hex(8)
        self.service = service
        self.told = self.ended = False
        self.failures = 0
        self._pid = os.getpid()
        self.start_ticks = start_ticks()
        self._sequence = 0
        self._slot: Slot | None = None
        self._signed_s = float("-inf")
        self._path: Path | None = None

    def publish(
        self, slot: Slot, facts: Mapping[str, object], body: bytes, *, now_s: float, ended: bool = False
    ) -> bool:
        """Tell the others; False when that could not be, which is counted and said. Must not raise.

        Args:
            slot: The slot of this process now; what was told in one before is taken away.
            facts: What is so now, plain JSON.
            body: What was counted.
            now_s: Monotonic seconds.
            ended: Nothing comes after this.
        """
        state = State(
            self.token,
            self._sequence + 1,
            self._pid,
            self.start_ticks,
            boot_id(),
            self.service,
            now_s,
            ended,
            facts,
            body,
        )
        try:
            stands = slot.stands()
            if not stands:  # whoever cleaned up took the folder away: nobody would see this process any more
                slot.renew()
            path = slot.folder / f"{slot.number}-{group_of(self.service)}-{self.token}.state"
            if not stands or slot is not self._slot or now_s - self._signed_s > _SIGNED_AGAIN_S:
                slot.sign(self.token)
                self._signed_s = now_s
            write_next(path, state.encode(), state.sequence, unfinished=slot.folder / f"{slot.number}.new")
        except (OSError, TypeError) as error:  # a name may be no Unicode
            self.failures += 1
            say("publication", "other processes are not told of this one: %s: %s", slot.folder, error)
            self.touch()
            return False
        self._sequence += 1
        self.told, self.ended = True, ended
        before, self._path, self._slot = self._path, path, slot
        if before is not None and before != path:
            self._take_away(before)
        return True

    def withdraw(self) -> None:
        """Take back what was told: the life goes on where nobody is told. Must not raise."""
        path, self._path, self._slot = self._path, None, None
        self.told = False
        if path is not None:
            self._take_away(path)

    def touch(self) -> bool:
        """Give a sign of life where nothing is new; it works with a full disk too. Must not raise.

        Returns:
            False when what was told is gone, or the lock that says whose it is: it has to be told again.
        """
        if self._path is not None and self._slot is not None:
            try:
                os.utime(self._path)
            except FileNotFoundError:
                return False
            except OSError:  # who looks takes the silence for what it is
                return True
            return self._slot.stands()
        return True

    def _take_away(self, path: Path) -> None:
        """Remove what stands in the slot before, while that is held still: nobody takes this life for over."""
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            say("publication", "%s cannot be removed: %s", path, error.strerror)
