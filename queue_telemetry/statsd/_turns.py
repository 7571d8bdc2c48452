"""Turns at an emitter's books: who waits, for the pace or a socket that is full, does so with the turn given back."""

import threading
import time
from collections.abc import Callable
from typing import Final

from queue_telemetry._runtime import OwnedLock
from queue_telemetry.statsd._dispatch import Stop

__all__ = ["Turns", "left_s"]

_FULL_PAUSE_S: Final = 0.001  # the first one for a full socket
_LATE_SHARE: Final = 0.2  # of what is left: who is late hurries, and not all at once
_LONGEST_PAUSE_S: Final = 0.05  # for a socket that stays full: its receiver hangs


class Turns:
    """Takes turns at an emitter's books until something is done, and waits between them with the turn given back.

    So no thread waits for another's pace, or for a socket that another finds full.

    Args:
        turn: Who has it may go to the books.
    """

    def __init__(self, turn: OwnedLock) -> None:
        self._turn = turn
        self._pause = threading.Lock()  # held for good: pauses wait for it, and no exception harms it
        self._pause.acquire()
        self._full_s = 0.0  # seconds that we saw the socket full, since it last took something

    def take(
        self,
        step: Callable[[], Stop | None],
        deadline: float,
        *,
        full_limit_s: float = float("inf"),
        waits_for_pace: bool = True,
    ) -> bool:
        """Take turns until *step* returns None; False when the deadline comes first, or the turn cannot be had.

        Args:
            step: What to do in a turn.
            deadline: In monotonic seconds; one that is over allows for a first part.
            full_limit_s: Give up a socket that has been full for so long while we looked.
            waits_for_pace: Otherwise it ends where the pace would have to be waited for.
        """
        no_turn: Stop | None = Stop(0, 0.0)
        full_pause_s = _FULL_PAUSE_S
        while True:
            stop = self._turn.run(_until(deadline), step, otherwise=no_turn)
            if stop is no_turn:
                return False
            if stop is None or stop.sent or stop.wait_s is not None:
                self._full_s, full_pause_s = 0.0, _FULL_PAUSE_S
            if stop is None:
                return True
            rest_s, wait_s = _until(deadline), stop.wait_s
            if rest_s <= 0 or self._full_s >= full_limit_s or not (wait_s is None or waits_for_pace):
                return False
            if wait_s is None:
                wait_s, full_pause_s = full_pause_s, min(2 * full_pause_s, _LONGEST_PAUSE_S)
                self._full_s += min(wait_s, rest_s)
            self._pause.acquire(timeout=min(wait_s, rest_s))


def left_s(goal: float, deadline: float) -> float:
    """Return the seconds in which the rest should be sent: until *goal*, or soon where that is all but over."""
    return max(goal - time.monotonic(), _until(deadline) * _LATE_SHARE)


def _until(deadline: float) -> float:
    """Return the seconds until *deadline*, and 0 when it is over."""
    return max(deadline - time.monotonic(), 0.0)
