"""Sends what a rendering writes, datagram by datagram: paced, waiting for room, and accounted for."""

import threading
import time
from collections import deque
from typing import Final

from queue_telemetry._runtime import DeliveryLedger, DropReason
from queue_telemetry.statsd._outbox import Ticket
from queue_telemetry.statsd._pipeline import Pipeline, Sent
from queue_telemetry.statsd._rendering import Rendering
from queue_telemetry.statsd.client import StatsClient

__all__ = ["Dispatch"]

_BURST_DATAGRAMS: Final = 32  # bursts of 256 overflow a receiver's default buffer; 32 a millisecond never did
_BURST_BYTES: Final = 32 * 1432  # the same, whatever the size of a datagram
_PAUSE_S: Final = 0.001
_LONGEST_PAUSE_S: Final = 0.05  # for a socket that stays full: its receiver hangs


class Dispatch:
    """The sending half of a flush. Not thread-safe: its user holds the turn.

    Args:
        client: What the pipeline sends through.
        pipeline: Where the lines are.
        rendering: What writes them.
        ledger: Hears what became of each datagram's calls.
    """

    def __init__(
        self, client: StatsClient, pipeline: Pipeline, rendering: Rendering, ledger: DeliveryLedger
    ) -> None:
        self._client = client
        self._pipeline = pipeline
        self._rendering = rendering
        self._ledger = ledger
        self._waiting: deque[tuple[int, Ticket]] = deque()  # one at most: nothing is sent while one waits
        self._pause = threading.Event()  # never set: the pacing waits are on it
        self._burst_datagrams = self._burst_bytes = 0

    @property
    def weight(self) -> int:
        """Calls in the datagrams that wait for the socket."""
        return sum(weight for weight, _ in list(self._waiting))

    def begin(self) -> None:
        """Begin a flush: the size of datagrams follows the path that they take now."""
        self._burst_datagrams = self._burst_bytes = 0
        self._pipeline.refit()

    def run(self, deadline: float) -> bool:
        """Write and send in turns; False when the deadline came before the last weight."""
        if not self._await_room(deadline):
            return False
        more = True
        while more:
            more = self._rendering.advance()
            while (sent := self._pipeline.send_next()) is not None:
                self._account(sent)
                if not self._await_room(deadline):
                    return False
                if self._burst_is_full(sent):
                    self._pause.wait(_PAUSE_S)
                    if time.monotonic() >= deadline:
                        return not more and self._pipeline.weight == 0
        return True

    def abandon(self) -> None:
        """Account for what waited until the client was closed."""
        while self._waiting:
            weight, ticket = self._waiting.popleft()
            self._move(weight, ticket.reason if ticket.settled else DropReason.SHUTDOWN)

    def _await_room(self, deadline: float) -> bool:
        """Wait until nothing waits for the socket; False when the deadline came first. One attempt is always made."""
        pause_s = _PAUSE_S
        while self._waiting:
            weight, ticket = self._waiting[0]
            if ticket.settled:
                self._waiting.popleft()
                self._move(weight, ticket.reason)
            elif not self._client.advance():
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return False
                self._pause.wait(min(pause_s, left_s))
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        return True

    def _account(self, sent: Sent) -> None:
        if isinstance(sent.outcome, Ticket):
            self._waiting.append((sent.weight, sent.outcome))
        else:
            self._move(sent.weight, sent.outcome)

    def _move(self, weight: int, reason: DropReason | None) -> None:
        if reason is None:
            self._ledger.deliver(weight)
        else:
            self._ledger.drop(weight, reason)

    def _burst_is_full(self, sent: Sent) -> bool:
        self._burst_datagrams += 1
        self._burst_bytes += sent.size_bytes
        if self._burst_datagrams < _BURST_DATAGRAMS and self._burst_bytes < _BURST_BYTES:
            return False
        self._burst_datagrams = self._burst_bytes = 0
        return True
