"""Sends what the books hold, datagram by datagram: paced, waiting for room in the socket, and accounted for."""

import threading
import time
from typing import Final

from queue_telemetry._runtime import DeliveryLedger
from queue_telemetry.statsd._books import NEW_BOOKS
from queue_telemetry.statsd._packer import Datagram, wire_bytes
from queue_telemetry.statsd._rendering import Rendering
from queue_telemetry.statsd._transport import BUSY
from queue_telemetry.statsd.client import StatsClient

__all__ = ["Dispatch"]

_BURST_DATAGRAMS: Final = 32  # bursts of 256 overflow a receiver's default buffer; 32 a millisecond never did
_BURST_BYTES: Final = 32 * 1432  # the same, whatever the size of a datagram
_PAUSE_S: Final = 0.001
_LONGEST_PAUSE_S: Final = 0.05  # for a socket that stays full: its receiver hangs


class Dispatch:
    """The sending half of an emitter, and its books. Not thread-safe: its user holds the turn.

    Args:
        client: What the datagrams go through, nobody else's among them.
        rendering: Writes the lines.
        ledger: Hears of every step, soon after the books.

    Attributes:
        books: The present page, replaced whole, by whoever holds the turn.
    """

    def __init__(self, client: StatsClient, rendering: Rendering, ledger: DeliveryLedger) -> None:
        self._client = client
        self._rendering = rendering
        self._ledger = ledger
        self.books = NEW_BOOKS
        self._offered: tuple[Datagram | None, int] = (
            None,
            0,
        )  # the last one, and how many were taken before it
        self._pause = threading.Lock()  # held for good: pauses wait for it, and no exception harms it
        self._pause.acquire()
        self._burst_datagrams = self._burst_bytes = 0

    def begin(self) -> None:
        """Begin a flush, with a whole burst."""
        self._burst_datagrams = self._burst_bytes = 0

    def run(self, deadline: float) -> bool:
        """Write and send in turns; False when the deadline came before the last weight. One attempt is always made."""
        while True:
            while self.books.datagrams:
                size_bytes = wire_bytes(self.books.datagrams[0].payload)
                if not self._send_first(deadline):
                    return False
                if self._burst_is_full(size_bytes):
                    self._pause.acquire(timeout=_PAUSE_S)
                    if time.monotonic() >= deadline:
                        return self.books.on_their_way == 0
            if self.books.lines is None:
                self._client.advance()
                return True
            self.books.tell(self._ledger)  # of which the library's own counters are made
            self.books = self._rendering.write_piece(self.books)

    def note_taken(self) -> None:
        """Turn the page for a datagram that the kernel took, should an exception have kept us from it."""
        if self.books.datagrams and self._was_taken(self.books.datagrams[0]):
            self.books = self.books.with_sent(None, refuses_late=self._client.refuses_late)

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

    def _burst_is_full(self, size_bytes: int) -> bool:
        self._burst_datagrams += 1
        self._burst_bytes += size_bytes
        if self._burst_datagrams < _BURST_DATAGRAMS and self._burst_bytes < _BURST_BYTES:
            return False
        self._burst_datagrams = self._burst_bytes = 0
        return True
