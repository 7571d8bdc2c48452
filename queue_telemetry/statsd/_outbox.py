"""What the socket has no room for waits here, in order and not for ever: the oldest makes room, and is counted."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from queue_telemetry._runtime import DropReason
from queue_telemetry.statsd._transport import BUSY, Transport

__all__ = ["Outbox", "Outcome", "Ticket"]

_MAX_WAITING: Final = 64  # datagrams; half a MiB at the sizes that are sent by default


class Ticket:
    """A datagram that waits, for whoever wants to know what becomes of it.

    Attributes:
        payload: The datagram.
        reason: Why it was given up; None when it was sent. Of no meaning before it is settled.
        settled: Whether it waits no longer.
    """

    __slots__ = ("payload", "reason", "settled")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.reason: DropReason | None = None
        self.settled = False


Outcome = DropReason | Ticket | None
"""What became of a datagram: taken by the kernel (None), given up, or waiting."""


class Outbox:
    """Sends through a transport that one thread uses at a time, without any thread waiting for another.

    Who finds the transport in use leaves its datagram for the holder. Datagrams stay in order once one waits.

    Args:
        transport: The socket.
        on_settled: Hears of each datagram that was sent (None) or given up. Must not block, log or raise.
        max_waiting: Datagrams that may wait.
    """

    def __init__(
        self,
        transport: Transport,
        on_settled: Callable[[bytes, DropReason | None], None],
        *,
        max_waiting: int = _MAX_WAITING,
    ) -> None:
        self._transport = transport
        self._on_settled = on_settled
        self._max_waiting = max_waiting
        self._waiting: deque[Ticket] = deque()  # bounded by `_make_room`
        self._turn = threading.Lock()  # held through sends, which never wait; nobody waits for it
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def send(self, payload: bytes) -> Outcome:
        """Hand one datagram to the kernel, or let it wait. Must not block and must not raise."""
        if self._waiting or not self._turn.acquire(blocking=False):
            ticket = Ticket(payload)
            self._waiting.append(ticket)
        else:
            try:
                outcome = self._transport.send(payload)
                if outcome is BUSY:
                    ticket = Ticket(payload)
                    self._waiting.appendleft(ticket)  # the transport may have sent a part of it
            finally:
                self._turn.release()
            if outcome is not BUSY:
                self._on_settled(payload, outcome)
                if self._waiting:  # what others left meanwhile
                    self.advance()
                return outcome
        self.advance()
        return ticket.reason if ticket.settled else ticket

    def advance(self) -> bool:
        """Send what waits; tell whether nothing does any more. Must not block and must not raise."""
        while self._waiting and self._turn.acquire(blocking=False):
            try:
                went_on = self._send_waiting()
            finally:
                self._turn.release()
            if not went_on:
                return False
        return not self._waiting

    def close(self) -> None:
        """Try once more, give up what still waits, and close the transport. Idempotent."""
        self.advance()
        self._closed = True
        self.advance()
        self._transport.close()

    def _send_waiting(self) -> bool:
        """Send from the oldest on; False when the transport is busy. The turn is held."""
        while self._waiting:
            ticket = self._waiting[0]
            if self._closed:
                self._settle(ticket, DropReason.SHUTDOWN)
            else:
                self._try(ticket)
            if not ticket.settled:
                self._make_room()
                return False
            self._waiting.popleft()
        return True

    def _make_room(self) -> None:
        """Give up the oldest of too many; not one that is sent in part, whose rest the receiver waits for."""
        oldest = 1 if self._transport.midway else 0
        while len(self._waiting) > self._max_waiting:
            self._settle(self._waiting[oldest], DropReason.OVERFLOW)
            del self._waiting[oldest]

    def _try(self, ticket: Ticket) -> None:
        outcome = self._transport.send(ticket.payload)
        if outcome is not BUSY:
            self._settle(ticket, outcome)

    def _settle(self, ticket: Ticket, reason: DropReason | None) -> None:
        ticket.reason = reason
        ticket.settled = True
        self._on_settled(ticket.payload, reason)
