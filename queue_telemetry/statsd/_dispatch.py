"""Sends what the books hold, datagram by datagram: paced, waiting for room in the socket, and accounted for."""

import threading
import time
from typing import Final

from queue_telemetry._runtime import DeliveryLedger
from queue_telemetry.statsd._books import NEW_BOOKS, Line
from queue_telemetry.statsd._pace import Pace
from queue_telemetry.statsd._packer import Datagram, wire_bytes
from queue_telemetry.statsd._rendering import Rendering
from queue_telemetry.statsd._transport import BUSY
from queue_telemetry.statsd.client import StatsClient

__all__ = ["Dispatch"]

_FIRST_PART_DATAGRAMS: Final = 32  # what a flush may send once its time is over
_LEAST_BYTES: Final = 512  # what the pace takes a smaller datagram for: buffers are filled by the packet too
_LEAST_LINE_BYTES: Final = 64  # and a shorter line: a receiver's work is by the line
_USUAL_BYTES_A_VALUE: Final = 40.0  # until the first piece tells
_PAUSE_S: Final = 0.001  # the shortest, so that several datagrams go between two of them
_LONGEST_PAUSE_S: Final = 0.05  # for a socket that stays full: its receiver hangs


class Dispatch:
    """The sending half of an emitter, and its books. Not thread-safe: its user holds the turn.

    Datagrams keep the pace from one flush to the next. A flush that could not end in half of its time that way goes
    faster by what it lacks: what a receiver may lose is better than what a deadline certainly leaves behind.

    Args:
        client: What the datagrams go through, nobody else's among them.
        rendering: Writes the lines.
        ledger: Hears of every step, soon after the books.
        pace: How fast the receiver reads.

    Attributes:
        books: The present page, replaced whole, by whoever holds the turn.
    """

    def __init__(self, client: StatsClient, rendering: Rendering, ledger: DeliveryLedger, pace: Pace) -> None:
        self._client = client
        self._rendering = rendering
        self._ledger = ledger
        self._pace = pace
        self.books = NEW_BOOKS
        # The one that was offered last, and how many were taken before it.
        self._offered: tuple[Datagram | None, int] = None, 0
        self._pause = threading.Lock()  # held for good: pauses wait for it, and no exception harms it
        self._pause.acquire()
        self._sent = 0  # datagrams of this run
        self._unwritten = 0  # values
        self._bytes_a_value = _USUAL_BYTES_A_VALUE

    def run(self, deadline: float) -> bool:
        """Write and send in turns; False when the deadline came first. One that is over allows for a first part."""
        self._sent = 0
        self._unwritten = sum(line.values for line in (self.books.lines or ())[self.books.line :])
        self._keep_to(deadline)
        while True:
            while self.books.datagrams:
                if not (self._await_pace(deadline) and self._send_first(deadline)):
                    return False
            if self.books.lines is None:
                self._client.advance()
                return True
            self.books.tell(self._ledger)  # of which the library's own counters are made
            self._write_piece(self.books.lines)
            self._keep_to(deadline)

    def note_taken(self) -> None:
        """Turn the page for a datagram that the kernel took, should an exception have kept us from it."""
        if self.books.datagrams and self._was_taken(self.books.datagrams[0]):
            self.books = self.books.with_sent(None, refuses_late=self._client.refuses_late)

    def _write_piece(self, lines: tuple[Line, ...]) -> None:
        at = self.books.line
        self.books = self._rendering.write_piece(self.books)
        end = len(lines) if self.books.lines is None else self.books.line
        values = sum(line.values for line in lines[at:end])
        self._unwritten -= values
        if values:
            self._bytes_a_value = self._charged_bytes() / values

    def _keep_to(self, deadline: float) -> None:
        """Go as fast as the rest needs to be sent in half of the time that is left, if that is faster than the pace."""
        to_go_bytes = self._charged_bytes() + self._unwritten * self._bytes_a_value
        self._pace.hurry_to_send(to_go_bytes, (deadline - time.monotonic()) / 2)

    def _charged_bytes(self) -> int:
        return sum(_charged_bytes(datagram.payload) for datagram in self.books.datagrams)

    def _await_pace(self, deadline: float) -> bool:
        """Wait until the first datagram may go; False when the deadline comes first."""
        size_bytes = _charged_bytes(self.books.datagrams[0].payload)
        now_s = time.monotonic()
        while (wait_s := self._pace.wait_s(size_bytes, now_s)) > 0 and now_s < deadline:
            self._pause.acquire(timeout=min(max(wait_s, _PAUSE_S), deadline - now_s))
            now_s = time.monotonic()
        if wait_s > 0 or (now_s >= deadline and self._sent >= _FIRST_PART_DATAGRAMS):
            return False
        self._pace.spend(size_bytes, now_s)
        self._sent += 1
        return True

    def _send_first(self, deadline: float) -> bool:
        """Send the first datagram once the socket has room for it; False when the deadline came first."""
        pause_s = _PAUSE_S
        while not self._offer_first():
            self._client.advance()  # what waits there may be what is in the way
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            self._pause.acquire(timeout=min(pause_s, left_s))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        return True

    def _offer_first(self) -> bool:
        """Offer the first datagram, unless it was taken already and an exception kept us from noting it.

        Returns:
            Whether it is settled; it stays in the books while the socket is busy.
        """
        books, reason = self.books, None
        datagram = books.datagrams[0]
        if not self._was_taken(datagram):
            self._offered = datagram, self._client.taken
            outcome = self._client._send(datagram.payload)
            if outcome is BUSY:
                self._offered = None, 0  # what is taken from now on is another's
                return False
            reason = outcome
        self.books = books.with_sent(reason, refuses_late=self._client.refuses_late)
        return True

    def _was_taken(self, datagram: Datagram) -> bool:
        """Tell whether the kernel has taken a datagram that is in the books still."""
        offered, taken_before = self._offered
        return datagram is offered and self._client.taken != taken_before


def _charged_bytes(payload: str) -> int:
    """Return what the pace takes a datagram for: its bytes, or more when it or its lines are short."""
    return max(wire_bytes(payload), _LEAST_BYTES, _LEAST_LINE_BYTES * (payload.count("\n") + 1))
