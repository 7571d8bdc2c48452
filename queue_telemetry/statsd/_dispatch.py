"""Sends what the books hold, datagram by datagram: paced, waiting for room in the socket, and accounted for."""

import time
from typing import Final, NamedTuple

from queue_telemetry._runtime import DeliveryLedger, DropReason
from queue_telemetry.statsd._books import NEW_BOOKS, Line
from queue_telemetry.statsd._pace import Pace
from queue_telemetry.statsd._packer import Datagram, wire_bytes
from queue_telemetry.statsd._rendering import Rendering
from queue_telemetry.statsd._transport import BUSY
from queue_telemetry.statsd.client import StatsClient

__all__ = ["Dispatch", "Stop"]

_PART_DATAGRAMS: Final = 32  # before others have their turn, and what a flush may send once its time is over
_LEAST_BYTES: Final = 512  # what the pace takes a smaller datagram for: buffers are filled by the packet too
_LEAST_LINE_BYTES: Final = 64  # and a shorter line: a receiver's work is by the line
_USUAL_BYTES_A_VALUE: Final = 40.0  # until the first piece tells
_BETWEEN_PARTS_S: Final = 0.0002  # else who gives the turn back has it again before those who wait for it
_PACE_PAUSE_S: Final = 0.006  # the shortest: to wake a receiver that sleeps costs as much as some datagrams


class Stop(NamedTuple):
    """Why sending stopped before the end.

    Attributes:
        sent: Datagrams until then.
        wait_s: Seconds until it can go on; None: when the socket has room again.
    """

    sent: int
    wait_s: float | None


class Dispatch:
    """The sending half of an emitter, and its books. Not thread-safe: its user holds the turn.

    Nothing here waits. Datagrams keep the pace from one flush to the next, whichever thread sends them.

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
        self._bytes_a_value = _USUAL_BYTES_A_VALUE

    def run(self, in_s: float) -> Stop | None:
        """Write and send in turns for as long as there is no reason to wait; None when nothing is on its way any more.

        What could not be sent in *in_s* seconds at the pace goes faster by what it lacks: what a receiver may lose is
        better than what a deadline certainly leaves behind. 0: it keeps the pace.
        """
        try:
            return self._send(in_s)
        finally:
            self.books.tell(self._ledger)

    def note_taken(self) -> None:
        """Turn the page for a datagram that the kernel took, should an exception have kept us from it."""
        if self.books.datagrams and self._was_taken(self.books.datagrams[0]):
            self.books = self.books.with_sent(None, refuses_late=self._client.refuses_late)

    def _send(self, in_s: float) -> Stop | None:
        sent = 0
        self._keep_to(in_s)
        while True:
            while self.books.datagrams:
                size_bytes, now_s = _charged_bytes(self.books.datagrams[0].payload), time.monotonic()
                wait_s = self._pace.wait_s(size_bytes, now_s)
                if wait_s > 0:
                    return Stop(sent, max(wait_s, min(_PACE_PAUSE_S, self._pace.burst_s)))
                if sent >= _PART_DATAGRAMS:
                    return Stop(sent, _BETWEEN_PARTS_S)
                if not self._offer_first():
                    self._client.advance()  # what waits there may be what is in the way
                    return Stop(sent, None)
                self._pace.spend(size_bytes, now_s)
                sent += 1
            if self.books.lines is None:
                self._client.advance()
                return None
            self.books.tell(self._ledger)  # of which the library's own counters are made
            self._write_piece(self.books.lines)
            self._keep_to(in_s)

    def _write_piece(self, lines: tuple[Line, ...]) -> None:
        at = self.books.line
        self.books = self._rendering.write_piece(self.books)
        end = len(lines) if self.books.lines is None else self.books.line
        values = sum(line.values for line in lines[at:end])
        if values:
            self._bytes_a_value = self._charged_bytes() / values

    def _keep_to(self, in_s: float) -> None:
        """Go as fast as the rest needs to be sent in so many seconds, if that is faster than the pace."""
        to_go_bytes = self._charged_bytes() + self.books.unwritten_values * self._bytes_a_value
        self._pace.hurry_to_send(to_go_bytes, in_s)

    def _charged_bytes(self) -> int:
        return sum(_charged_bytes(datagram.payload) for datagram in self.books.datagrams)

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
            # the client is closed behind the last window: what is on its way then is of before
            reason = DropReason.SHUTDOWN if outcome is DropReason.CLOSED else outcome
        self.books = books.with_sent(reason, refuses_late=self._client.refuses_late)
        return True

    def _was_taken(self, datagram: Datagram) -> bool:
        """Tell whether the kernel has taken a datagram that is in the books still."""
        offered, taken_before = self._offered
        return datagram is offered and self._client.taken != taken_before


def _charged_bytes(payload: str) -> int:
    """Return what the pace takes a datagram for: its bytes, or more when it or its lines are short."""
    return max(wire_bytes(payload), _LEAST_BYTES, _LEAST_LINE_BYTES * (payload.count("\n") + 1))
