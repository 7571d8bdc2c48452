import threading

from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry._runtime import Delivery, DeliveryLedger, DropReason

_MOVES = st.lists(
    st.tuples(st.sampled_from(["accept", "deliver", *DropReason]), st.integers(0, 1_000)), max_size=40
)


@given(_MOVES)
def test_what_was_accepted_is_delivered_dropped_or_pending(moves: list[tuple[str, int]]) -> None:
    ledger, pending = DeliveryLedger(), 0

    for move, units in moves:
        if move == "accept":
            ledger.accept(units)
            pending += units
        elif units <= pending:
            if isinstance(move, DropReason):
                ledger.drop(units, move)
            else:
                ledger.deliver(units)
            pending -= units
        read = ledger.read()
        assert pending == read.pending
        assert read.accepted + read.adopted == read.delivered + sum(read.dropped.values()) + read.pending


def test_a_new_ledger_is_empty() -> None:
    assert Delivery() == DeliveryLedger().read()


def test_a_reason_that_never_happened_is_absent() -> None:
    ledger = DeliveryLedger()
    ledger.accept(3)
    ledger.drop(0, DropReason.CLOSED)
    ledger.drop(2, DropReason.OVERFLOW)

    assert {DropReason.OVERFLOW: 2} == ledger.read().dropped


def test_a_reading_does_not_change_afterwards() -> None:
    ledger = DeliveryLedger()
    ledger.accept(2)
    ledger.drop(1, DropReason.REFUSED)
    before = ledger.read()
    ledger.drop(1, DropReason.REFUSED)

    assert {DropReason.REFUSED: 1} == before.dropped


def test_a_thread_may_count_in_the_middle_of_its_own_reading() -> None:
    ledger = DeliveryLedger()
    with ledger._lock:  # as in a signal handler below a reading
        ledger.accept()

    assert 1 == ledger.read().pending


def test_threads_count_exactly_and_every_reading_adds_up(fast_switching: None) -> None:
    ledger = DeliveryLedger()

    def work() -> None:
        for _ in range(500):
            ledger.accept(2)
            ledger.deliver()
            ledger.drop(1, DropReason.UNSENT)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        read = ledger.read()
        assert 0 <= read.pending <= 2 * 8
    for thread in threads:
        thread.join()

    assert Delivery(8_000, 0, 4_000, {DropReason.UNSENT: 4_000}, 0) == ledger.read()
