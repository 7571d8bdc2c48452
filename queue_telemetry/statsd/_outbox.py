"""What the socket has no room for waits here, in order and not for ever: the oldest makes room, and is counted."""

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from queue_telemetry._runtime import DropReason, OwnedLock
from queue_telemetry.statsd._transport import BUSY, SendOutcome, Transport

__all__ = ["Outbox"]

_MAX_WAITING: Final = 64  # datagrams; half a MiB at the sizes that are sent by default

_Entry = tuple[str]
"""A datagram that waits: two entries are never the same object, whatever is in them."""


class Outbox:
    """Passes datagrams on in order. No thread waits for another, nor a signal handler for the code it interrupts.

    While nothing waits, threads send at once where the socket allows for that. Else one thread sends for all: who finds
    another at it leaves its datagram for that one, which goes on for a bounded number. An exception may come out
    anywhere, a time limit's from a signal handler say: what was left here is then sent later, and what the kernel took
    is not sent again.

    Args:
        send: Offers one datagram to the socket.
        transport: Knows what the kernel took.
        on_given_up: Hears of each datagram that is given up here.
        max_waiting: Datagrams that may wait; for a moment one more for each thread.
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
        self._ending: DropReason | None = None  # why nothing waits any more
        self._begin_process()

    def _begin_process(self) -> None:
        """Make what belongs to one process."""
        self._waiting: deque[_Entry] = deque()  # bounded by `send`
        # The one that was offered last, and how many were taken before it.
        self._offered: tuple[_Entry | None, int] = None, 0
        self._turn = OwnedLock()

    def __len__(self) -> int:
        return len(self._waiting)

    def reset_after_fork(self) -> None:
        """In a forked child: what waits is the parent's to send. Takes no lock."""
        self._begin_process()

    def send(self, data: str) -> None:
        """Send one datagram behind those that wait, or let it wait too. Must not block and must not raise."""
        if not self._waiting and not self._transport.takes_turns and self._send(data) is not BUSY:
            return
        if len(self._waiting) > self._max_waiting:
            self.advance()  # an exception may have ended the last one before it made room
            if len(self._waiting) > self._max_waiting:  # another thread is at it, and slower than the calls
                self._on_given_up(data, DropReason.OVERFLOW)
                return
        self._waiting.append((data,))
        self.advance()

    def advance(self) -> bool:
        """Send what waits; tell whether nothing does any more. Must not block and must not raise."""
        allowance = self._max_waiting + 1  # this call's own, and what others may have left
        try:
            while allowance and self._waiting:  # again: others may have left something meanwhile
                allowance = self._turn.run(0.0, partial(self._send_waiting, allowance), otherwise=0)
        finally:
            self._end()
        return not self._waiting

    def give_up(self, reason: DropReason) -> None:
        """Give up all that waits, for good; another thread that is sending it now does so after that."""
        self._ending = reason
        self._end()

    def _end(self) -> None:
        ended = self._ending is not None
        while ended and self._waiting:  # again: whoever had the turn may have looked before the ending came
            ended = self._turn.run(0.0, self._drop_all, otherwise=False)

    def _drop_all(self) -> bool:
        self._drop_down_to(0, self._ending or DropReason.SHUTDOWN, first=0)
        return True

    def _send_waiting(self, allowance: int) -> int:
        """Send from the oldest on, no more than the allowance; return what is left of it, 0 when the socket is full."""
        waiting = self._waiting
        while (
            waiting and allowance and waiting is self._waiting
        ):  # another in a child that a signal handler forked
            entry = waiting[0]
            if not self._was_taken(entry):
                self._offered = entry, self._transport.taken
                if self._send(entry[0]) is BUSY:
                    self._offered = None, 0  # what is taken from now on is another's
                    self._make_room()
                    return 0
            waiting.popleft()
            allowance -= 1
        return allowance

    def _make_room(self) -> None:
        """Give up the oldest of too many; not one that is sent in part, whose rest the receiver waits for."""
        self._drop_down_to(self._max_waiting, DropReason.OVERFLOW, first=1 if self._transport.midway else 0)

    def _drop_down_to(self, kept: int, reason: DropReason, *, first: int) -> None:
        waiting = self._waiting
        while len(waiting) > kept:
            (data,) = waiting[first]
            self._on_given_up(data, reason)
            del waiting[first]

    def _was_taken(self, entry: _Entry) -> bool:
        """Tell whether the kernel took an entry, and an exception kept us from noting it."""
        offered, taken_before = self._offered
        return entry is offered and self._transport.taken != taken_before
