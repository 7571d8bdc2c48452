"""What one claim has taken and what waits for its run: found by id, else by type in the order of taking.

No lock: each step is one C call, and which of two runs has a delivery is for the delivery to say.
"""

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from queue_telemetry.tasks.claim import Taken

__all__ = ["MAX_WAITING", "Deliveries"]

MAX_WAITING: Final = (
    10_000  # of one type, taken and not run yet; a loop inside one claim must not grow it for ever
)


class Deliveries:
    """The deliveries of one claim. What a run has joined already leaves when it is come upon."""

    def __init__(self) -> None:
        self._by_id: dict[tuple[str, str], tuple[Taken, ...]] = {}
        self._in_order: dict[str, deque[Taken]] = {}
        self._without_id: dict[str, deque[Taken]] = {}
        self._let_go: dict[str, int] = {}

    def add(self, taken: "Taken") -> None:
        """Keep a delivery; where too many of its type wait, the oldest is let go."""
        in_order = self._in_order.setdefault(taken.type, deque())
        without_id = self._without_id.setdefault(taken.type, deque())
        while in_order and (in_order[0].joined or len(in_order) >= MAX_WAITING):
            oldest = in_order.popleft()
            if not oldest.joined:
                self._let_go[taken.type] = self._let_go.get(taken.type, 0) + 1
            self._forget_ids(oldest)
            while without_id and (without_id[0].joined or without_id[0] is oldest):
                without_id.popleft()
        in_order.append(taken)
        if not taken.ids:
            without_id.append(taken)
        for known_id in taken.ids:
            key = (taken.type, known_id)
            self._by_id[key] = (*self._by_id.get(key, ()), taken)

    def join(self, type_: str, ids: frozenset[str]) -> "Taken | None":
        """Return the delivery that a run joins: with an id in common, else the first where one of them knows no id."""
        for known_id in ids:
            for taken in self._by_id.get((type_, known_id), ()):
                if taken.join():
                    self._forget_ids(taken)
                    return taken
        waiting = (self._without_id if ids else self._in_order).get(type_)
        while waiting:
            try:
                taken = waiting.popleft()
            except IndexError:  # another thread's run took the last
                break
            self._forget_ids(taken)
            if taken.join():
                return taken
        return None

    def join_let_go(self, type_: str) -> bool:
        """Let a run that found nothing stand for a delivery that was let go: its claim has been counted."""
        number = self._let_go.get(type_, 0)
        if number:
            self._let_go[type_] = number - 1
        return number > 0

    def _forget_ids(self, taken: "Taken") -> None:
        for known_id in taken.ids:
            key = (taken.type, known_id)
            rest = tuple([other for other in self._by_id.get(key, ()) if other is not taken])
            if rest:
                self._by_id[key] = rest
            else:
                self._by_id.pop(key, None)
