import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from queue_telemetry._runtime import DropReason
from queue_telemetry.statsd._outbox import Outbox
from queue_telemetry.statsd._taken import NONE_TAKEN
from queue_telemetry.statsd._transport import BUSY, SendOutcome

Settled = list[tuple[str, DropReason | None]]


class Scripted:
    """A transport whose answers are given; None once they are used up. Tells of what it did not answer with BUSY."""

    has_address = True
    payload_bytes = 1432
    refuses_late = True

    def __init__(self, settled: Settled, *outcomes: SendOutcome) -> None:
        self.settled = settled
        self.outcomes = deque(outcomes)
        self.midway = False
        self.takes_turns = True
        self.taken = 0
        self.total = NONE_TAKEN

    def send(self, payload: bytes) -> SendOutcome:
        outcome = self.outcomes.popleft() if self.outcomes else None
        if outcome is not BUSY:
            self.settled.append((payload.decode(), outcome))
        self.taken += outcome is None
        return outcome

    def close(self) -> None: ...

    def forget(self) -> None: ...

    def reset_after_fork(self) -> None: ...


@pytest.fixture
def settled() -> Settled:
    return []


def make(transport: Scripted, max_waiting: int = 64) -> Outbox:
    return Outbox(
        lambda data: transport.send(data.encode()),
        transport,
        lambda data, reason: transport.settled.append((data, reason)),
        max_waiting=max_waiting,
    )


@pytest.mark.parametrize("outcome", [None, DropReason.REFUSED])
def test_what_the_socket_answers_is_settled(settled: Settled, outcome: DropReason | None) -> None:
    outbox = make(Scripted(settled, outcome))
    outbox.send("a")

    assert len(outbox) == 0
    assert settled == [("a", outcome)]


def test_what_finds_no_room_waits_and_goes_out_in_order_before_the_next(settled: Settled) -> None:
    outbox = make(Scripted(settled, BUSY))
    outbox.send("a")
    assert (len(outbox), settled) == (1, [])

    outbox.send("b")
    assert (len(outbox), settled) == (0, [("a", None), ("b", None)])


def test_advance_sends_what_waits(settled: Settled) -> None:
    outbox = make(Scripted(settled, BUSY, BUSY))
    outbox.send("a")

    assert [outbox.advance(), outbox.advance()] == [False, True]
    assert settled == [("a", None)]


def test_oldest_make_room_beyond_the_limit(settled: Settled) -> None:
    outbox = make(Scripted(settled, *[BUSY] * 20), max_waiting=2)
    for number in range(4):
        outbox.send(f"{number}")

    assert settled == [("0", DropReason.OVERFLOW), ("1", DropReason.OVERFLOW)]


def test_one_that_is_sent_in_part_never_makes_room(settled: Settled) -> None:
    transport = Scripted(settled, *[BUSY] * 3)
    transport.midway = True
    outbox = make(transport, max_waiting=2)
    for number in range(3):
        outbox.send(f"{number}")

    assert settled == [("1", DropReason.OVERFLOW)]
    assert outbox.advance()
    assert settled[1:] == [("0", None), ("2", None)]


def test_what_is_given_up_is_told_of(settled: Settled) -> None:
    outbox = make(Scripted(settled, *[BUSY] * 2))
    outbox.send("a")
    outbox.send("b")
    outbox.give_up(DropReason.SHUTDOWN)

    assert len(outbox) == 0
    assert settled == [("a", DropReason.SHUTDOWN), ("b", DropReason.SHUTDOWN)]


def test_thread_that_finds_another_at_it_leaves_its_datagram_and_goes(settled: Settled) -> None:
    inside, go_on = threading.Event(), threading.Event()

    class Slow(Scripted):
        def send(self, payload: bytes) -> SendOutcome:
            if payload == b"a":
                inside.set()
                go_on.wait(5)
            return super().send(payload)

    outbox = make(Slow(settled))
    holder = threading.Thread(target=outbox.send, args=("a",))
    holder.start()
    inside.wait(5)
    outbox.send("b")
    assert settled == []
    go_on.set()
    holder.join(5)

    assert settled == [("a", None), ("b", None)]


def test_what_the_socket_took_is_not_sent_again_after_an_exception(settled: Settled) -> None:
    transport = Scripted(settled)

    def send(data: str) -> SendOutcome:
        outcome = transport.send(data.encode())
        if data == "a":
            raise KeyboardInterrupt
        return outcome

    outbox = Outbox(send, transport, lambda data, reason: None)
    with pytest.raises(KeyboardInterrupt):
        outbox.send("a")
    outbox.send("b")

    assert settled == [("a", None), ("b", None)]


class Held(Scripted):
    """Holds the datagram `held` until told to go on; what is sent meanwhile is another thread's."""

    def __init__(self, settled: Settled, *outcomes: SendOutcome) -> None:
        super().__init__(settled, *outcomes)
        self.inside, self.go_on = threading.Event(), threading.Event()

    def send(self, payload: bytes) -> SendOutcome:
        if payload == b"held":
            self.inside.set()
            self.go_on.wait(5)
        return super().send(payload)


@contextmanager
def holding(transport: Held, outbox: Outbox) -> Generator[None]:
    holder = threading.Thread(target=outbox.send, args=("held",))
    holder.start()
    assert transport.inside.wait(5)
    yield
    transport.go_on.set()
    holder.join(5)
    assert not holder.is_alive()


def test_threads_send_at_once_where_the_socket_allows_for_that(settled: Settled) -> None:
    transport = Held(settled)
    transport.takes_turns = False
    outbox = make(transport)
    with holding(transport, outbox):
        outbox.send("b")
        assert settled == [("b", None)]

    assert settled == [("b", None), ("held", None)]


def test_socket_without_turns_keeps_the_order_once_something_waits(settled: Settled) -> None:
    transport = Scripted(settled, BUSY, BUSY)
    transport.takes_turns = False
    outbox = make(transport)
    outbox.send("a")
    outbox.send("b")

    assert settled == [("a", None), ("b", None)]


def test_call_sends_no_more_than_its_own_and_what_may_wait(settled: Settled) -> None:
    transport = Scripted(settled)
    outbox = make(transport, max_waiting=3)
    send = transport.send

    def send_while_others_call(payload: bytes) -> SendOutcome:
        outbox._waiting.append((f"another thread's {len(settled)}",))
        return send(payload)

    transport.send = send_while_others_call  # type: ignore[method-assign] # calls as fast as the socket
    outbox.send("a")

    assert len(settled) == 4


def test_what_other_threads_leave_is_bounded_and_the_rest_counted(settled: Settled) -> None:
    transport = Held(settled)
    outbox = make(transport, max_waiting=2)
    with holding(transport, outbox):
        for number in range(10):
            outbox.send(f"{number}")
        assert len(outbox) == 3

    assert settled == [
        *[(f"{number}", DropReason.OVERFLOW) for number in range(2, 10)],
        *[(data, None) for data in ("held", "0", "1")],
    ]


def test_what_another_thread_keeps_at_the_end_it_gives_up_itself(settled: Settled) -> None:
    transport = Held(settled, BUSY)
    outbox = make(transport)
    with holding(transport, outbox):
        outbox.send("b")
        outbox.give_up(DropReason.SHUTDOWN)
        assert settled == []

    assert len(outbox) == 0
    assert settled == [("held", DropReason.SHUTDOWN), ("b", DropReason.SHUTDOWN)]


def test_child_begins_empty_though_another_thread_has_the_turn(settled: Settled) -> None:
    transport = Held(settled)
    outbox = make(transport)
    with holding(transport, outbox):
        outbox.reset_after_fork()
        outbox.send("a")
        assert settled == [("a", None)]
