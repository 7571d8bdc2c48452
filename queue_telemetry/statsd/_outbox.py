"""What the socket has no room for waits here, in order and not for ever: the oldest makes room, and is counted."""

from collections import deque
from collections.abc import Callable
from typing import Final

from queue_telemetry._runtime import DropReason, OwnedLock
from queue_telemetry.statsd._transport import BUSY, SendOutcome, Transport

__all__ = ["Outbox"]

_MAX_WAITING: Final = 64  # datagrams; half a MiB at the sizes that are sent by default

_Entry = tuple[str]
"""A datagram that waits: two entries are never the same object, whatever is in them."""


class Outbox:
    """Passes datagrams on in order. No thread waits for another, nor a signal handler for the code it interrupts.

    Who finds another thread at it leaves its datagram for that one. An exception may come out anywhere, a time limit's
    from a signal handler say: what was left here is then sent later, and what the kernel took is not sent again.

    Args:
        send: Offers one datagram to the socket.
        transport: Knows what the kernel took.
        on_given_up: Hears of each datagram that is given up here.
        max_waiting: Datagrams that may wait.
    """

    def __init__(
        self,
        send: Callable[[str], SendOutcome],
        transport: Transport,
        on_given_up: Callable[[str, DropReason], None],
        *,
        max_waiting: int = _MAX_WAITING,
    ) -> None:
        self._send = send
        self._transport = transport
        self._on_given_up = on_given_up
        self._max_waiting = max_waiting
        self._waiting: deque[_Entry] = deque()  # bounded by `_make_room`
        # The one that was offered last, and how many were taken before it.
        self._offered: tuple[_Entry | None, int] = None, 0
        self._turn = OwnedLock()

    def __len__(self) -> int:
        return len(self._waiting)

    def send(self, data: str) -> None:
        """Send one datagram behind those that wait, or let it wait too. Must not block and must not raise."""
        self._waiting.append((data,))
        self.advance()

    def advance(self) -> bool:
        """Send what waits; tell whether nothing does any more. Must not block and must not raise."""
        went_on = True
        while went_on and self._waiting:  # again: others may have left something meanwhile
            went_on = self._turn.run(0.0, self._send_waiting, otherwise=False)
        return not self._waiting

    def give_up(self, reason: DropReason) -> None:
        """Give up all that waits, unless another thread is sending it now."""
        self._turn.run(0.0, lambda: self._drop_down_to(0, reason, first=0), otherwise=None)

    def _send_waiting(self) -> bool:
        """Send from the oldest on; False when the socket has no room. The turn is held."""
        while self._waiting:
            entry = self._waiting[0]
            if not self._was_taken(entry):
                self._offered = entry, self._transport.taken
                if self._send(entry[0]) is BUSY:
                    self._offered = None, 0  # what is taken from now on is another's
                    self._make_room()
                    return False
            self._waiting.popleft()
        return True

    def _make_room(self) -> None:
        """Give up the oldest of too many; not one that is sent in part, whose rest the receiver waits for."""
        self._drop_down_to(self._max_waiting, DropReason.OVERFLOW, first=1 if self._transport.midway else 0)

    def _drop_down_to(self, kept: int, reason: DropReason, *, first: int) -> None:
        while len(self._waiting) > kept:
            (data,) = self._waiting[first]
            self._on_given_up(data, reason)
            del self._waiting[first]

    def _was_taken(self, entry: _Entry) -> bool:
        """Tell whether the kernel took an entry, and an exception kept us from noting it."""
        offered, taken_before = self._offered
        return entry is offered and self._transport.taken != taken_before
