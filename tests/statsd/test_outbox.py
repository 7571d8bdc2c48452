import threading
from collections import deque

import pytest

from queue_telemetry._runtime import DropReason
from queue_telemetry.statsd._outbox import Outbox, Ticket
from queue_telemetry.statsd._transport import BUSY, SendOutcome

Settled = list[tuple[bytes, DropReason | None]]


class Scripted:
    """A transport whose answers are given; None once they are used up."""

    has_address = True
    payload_bytes = 1432

    def __init__(self, *outcomes: SendOutcome) -> None:
        self.outcomes = deque(outcomes)
        self.offered: list[bytes] = []
        self.midway = False
        self.closed = False

    def send(self, payload: bytes) -> SendOutcome:
        self.offered.append(payload)
        return self.outcomes.popleft() if self.outcomes else None

    def close(self) -> None:
        self.closed = True

    def forget(self) -> None: ...


@pytest.fixture
def settled() -> Settled:
    return []


def make(transport: Scripted, settled: Settled, max_waiting: int = 64) -> Outbox:
    return Outbox(
        transport, lambda payload, reason: settled.append((payload, reason)), max_waiting=max_waiting
    )


@pytest.mark.parametrize("outcome", [None, DropReason.REFUSED])
def test_answer_of_a_socket_with_room_is_passed_on(settled: Settled, outcome: DropReason | None) -> None:
    assert make(Scripted(outcome), settled).send(b"a") is outcome
    assert settled == [(b"a", outcome)]


def test_what_finds_no_room_waits_and_goes_out_in_order_before_the_next(settled: Settled) -> None:
    transport = Scripted(BUSY, BUSY)
    outbox = make(transport, settled)
    first = outbox.send(b"a")
    assert isinstance(first, Ticket)
    assert (first.settled, settled) == (False, [])

    assert outbox.send(b"b") is None
    assert settled == [(b"a", None), (b"b", None)]
    assert (first.settled, first.reason) == (True, None)


def test_advance_sends_what_waits(settled: Settled) -> None:
    outbox = make(Scripted(BUSY, BUSY, BUSY), settled)
    outbox.send(b"a")

    assert [outbox.advance(), outbox.advance()] == [False, True]
    assert settled == [(b"a", None)]


def test_oldest_make_room_beyond_the_limit(settled: Settled) -> None:
    outbox = make(Scripted(*[BUSY] * 20), settled, max_waiting=2)
    for number in range(4):
        outbox.send(b"%d" % number)

    assert settled == [(b"0", DropReason.OVERFLOW), (b"1", DropReason.OVERFLOW)]


def test_one_that_is_sent_in_part_never_makes_room(settled: Settled) -> None:
    transport = Scripted(*[BUSY] * 5)
    transport.midway = True
    outbox = make(transport, settled, max_waiting=2)
    for number in range(3):
        outbox.send(b"%d" % number)

    assert settled == [(b"1", DropReason.OVERFLOW)]
    transport.outcomes.clear()
    assert outbox.advance()
    assert settled[1:] == [(b"0", None), (b"2", None)]


def test_close_tries_once_more_and_gives_up_the_rest(settled: Settled) -> None:
    transport = Scripted(BUSY, BUSY, BUSY, None, BUSY)
    outbox = make(transport, settled)
    outbox.send(b"a")
    outbox.send(b"b")
    outbox.close()
    outbox.close()

    assert settled == [(b"a", None), (b"b", DropReason.SHUTDOWN)]
    assert transport.closed


def test_thread_that_finds_the_transport_in_use_leaves_its_datagram_and_goes(settled: Settled) -> None:
    inside, go_on = threading.Event(), threading.Event()

    class Slow(Scripted):
        def send(self, payload: bytes) -> SendOutcome:
            if payload == b"a":
                inside.set()
                go_on.wait(5)
            return super().send(payload)

    outbox = make(Slow(), settled)
    holder = threading.Thread(target=outbox.send, args=(b"a",))
    holder.start()
    inside.wait(5)
    left = outbox.send(b"b")
    assert isinstance(left, Ticket)
    assert not left.settled
    go_on.set()
    holder.join(5)

    assert settled == [(b"a", None), (b"b", None)]
