import signal
import threading
from collections import deque
from collections.abc import Callable, Generator
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry._runtime import DropReason, Gate
from queue_telemetry.metrics import CATALOG, MAX_SAMPLES, Batch, Counter, Gauge, Kind, Marks, Registry, take
from queue_telemetry.metrics.instruments import plain_number

_EMPTY = CATALOG["queue.claims.empty"]
Merge = Callable[[list[Batch]], Batch]


@pytest.fixture
def counter(registry: Registry) -> Counter:
    return registry.counter(_EMPTY, ("mail",))


@pytest.fixture
def gauge(registry: Registry) -> Gauge:
    return registry.gauge(CATALOG["queue.size"], ("mail",))


def drained(cell: Counter | Gauge) -> Batch:
    batch = Batch()
    cell.drain(batch)
    batch.drop(cell._invalid.take_new(), DropReason.INVALID)  # as a collection does for all cells at once
    return batch


def hammer(work: Callable[[], None], collect: Callable[[], Batch], threads: int = 16) -> list[Batch]:
    """Run *work* in many threads while a collector drains; return all that it drained."""
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    batches = []
    while any(worker.is_alive() for worker in workers):
        batches.append(collect())
    for worker in workers:
        worker.join()
    return [*batches, collect()]


def test_marks_are_counted_and_reading_them_adds_none() -> None:
    marks = Marks()
    seen = [marks.read(), marks.read()]
    for _ in range(3):
        marks.mark()

    assert [0, 0, 3, 3] == [*seen, marks.read(), marks.read()]


def test_what_is_new_is_taken_once() -> None:
    marks = Marks()
    marks.mark()
    marks.mark()
    taken = [marks.take_new(), marks.take_new()]
    marks.mark()

    assert [2, 0, 1] == [*taken, marks.take_new()]


def test_marks_are_new_until_they_are_taken() -> None:
    marks = Marks()
    before = marks.has_new()
    marks.mark()
    marked = marks.has_new()
    marks.take_new()

    assert [False, True, False] == [before, marked, marks.has_new()]


def test_marks_are_exact_however_many_threads_mark_and_read(fast_switching: None) -> None:
    marks, faults = Marks(), list[int]()

    def work() -> None:
        last = 0
        for _ in range(1_000):
            marks.mark()
            seen = marks.read()
            if seen <= last:
                faults.append(seen)
            last = seen

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 16_000 == marks.read()
    assert [] == faults


class InterruptedError_(Exception):
    """Comes at any byte code."""


@pytest.fixture
def interrupts() -> Generator[None]:
    """Raise in the main thread again and again, at byte codes that nobody chose."""

    def interrupt(*_: object) -> None:
        raise InterruptedError_

    before = signal.signal(signal.SIGVTALRM, interrupt)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


def test_marks_are_exact_under_exceptions_at_any_byte_code(interrupts: None) -> None:
    marks, proof, interrupted = Marks(), Marks(), 0
    delays_s = [0.00002 + 0.000013 * (step % 11) for step in range(60)]
    for delay_s in delays_s:
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, delay_s)
            for _ in range(100_000):  # an exception that comes while garbage is collected is lost
                next(marks.left)
                next(proof.left)
                marks.read()
        except InterruptedError_:
            interrupted += 1
    read = marks.read()

    assert interrupted > len(delays_s) // 2
    assert proof.read() <= read <= proof.read() + interrupted  # between the two lines, the mark is kept


@pytest.mark.parametrize(("amount", "sum_", "invalid"), [(1, 1, 0), (7, 7, 0), (0.5, 0.5, 0), (-1, 0, 1)])
def test_a_counter_is_exact_under_threads_while_it_is_drained(
    counter: Counter, fast_switching: None, merged: Merge, amount: float, sum_: float, invalid: int
) -> None:
    def work() -> None:
        for _ in range(1_000):
            counter.increment(amount)

    batch = merged(hammer(work, lambda: drained(counter)))

    assert 16_000 * sum_ == sum(added for _, added, _ in batch.counters)
    assert 16_000 == batch.weight
    assert 16_000 * invalid == batch.dropped.get(DropReason.INVALID, 0)


def test_a_gauge_is_exact_under_threads_while_it_is_drained(
    gauge: Gauge, fast_switching: None, merged: Merge
) -> None:
    def work() -> None:
        for value in range(1_001):
            gauge.set(value)

    batch = merged(hammer(work, lambda: drained(gauge)))

    assert 16 * 1_001 == batch.weight
    assert 1_000 == batch.gauges[-1][1]


def test_a_counter_that_nobody_drains_is_bounded_and_counts_what_it_let_go(counter: Counter) -> None:
    calls = MAX_SAMPLES + 1_000
    for _ in range(calls):
        counter.increment(2)
    batch = drained(counter)

    assert [(2 * MAX_SAMPLES, MAX_SAMPLES)] == [(amount, weight) for _, amount, weight in batch.counters]
    assert {DropReason.OVERFLOW: 1_000} == batch.dropped
    assert 0 == drained(counter).weight


def test_every_call_is_counted_once_however_the_deque_overflows(
    fast_switching: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_telemetry.metrics.instruments.MAX_SAMPLES", 20)
    samples, marks = deque[float](maxlen=20), Marks()
    rounds, threads, calls = 150, 4, 300
    begin, end = threading.Barrier(threads + 1), threading.Barrier(threads + 1)

    def work() -> None:
        for _ in range(rounds):
            begin.wait(10)
            for _ in range(calls):
                marks.mark()
                samples.append(1.0)
            end.wait(10)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    kept, total_lost, accounts = 0, 0, []

    def account() -> None:
        nonlocal kept, total_lost
        taken, lost = take(samples, marks, kept)
        kept += len(taken) + lost
        total_lost += lost

    for _ in range(rounds):
        begin.wait(10)
        while end.n_waiting < threads:
            account()
        account()  # nobody is between two steps now
        accounts.append(kept)
        end.wait(10)
    for worker in workers:
        worker.join()

    assert [threads * calls * (number + 1) for number in range(rounds)] == accounts
    assert 0 < total_lost < marks.read()


def test_a_mark_whose_sample_was_cut_off_is_no_loss_of_the_deque() -> None:
    samples, marks = deque[float](maxlen=MAX_SAMPLES), Marks()
    marks.mark()
    marks.mark()
    samples.append(1.0)

    assert ([1.0], 0) == take(samples, marks, 0)


def test_a_sample_that_comes_after_it_was_counted_as_lost_is_left_out() -> None:
    samples, marks = deque([1.0] * MAX_SAMPLES, maxlen=MAX_SAMPLES), Marks()
    for _ in range(MAX_SAMPLES + 1):
        marks.mark()  # the last one's sample is still on its way
    taken, lost = take(samples, marks, 0)
    kept = len(taken) + lost
    samples.append(2.0)
    marks.mark()
    samples.append(3.0)

    assert (MAX_SAMPLES, 1) == (len(taken), lost)
    assert ([3.0], 0) == take(samples, marks, kept)


def test_an_increment_of_zero_is_a_call(counter: Counter) -> None:
    counter.increment(0)

    assert [(0, 1)] == [(amount, weight) for _, amount, weight in drained(counter).counters]


def test_ints_stay_ints_and_floats_add_up(counter: Counter) -> None:
    counter.increment()
    counter.increment(2**60)
    whole = drained(counter)
    counter.increment(0.25)
    counter.increment(0.5)

    assert [1, 2**60] == [amount for _, amount, _ in whole.counters]
    assert [0.75] == [amount for _, amount, _ in drained(counter).counters]


def test_the_largest_amounts_of_all_add_up_to_a_finite_sum(counter: Counter) -> None:
    for amount in (10**100, 1e100, 0.5, 10**308, 1e308):
        counter.increment(amount)
    batch = drained(counter)

    assert [2e100] == [float(amount) for _, amount, _ in batch.counters]
    assert {DropReason.INVALID: 2} == batch.dropped


def test_the_newest_value_stands_for_all_calls(gauge: Gauge) -> None:
    for value in (1, 2, 3.5):
        gauge.set(value)

    assert [(3.5, 3)] == [(value, weight) for _, value, weight in drained(gauge).gauges]
    assert [(3.5, 0)] == [(value, weight) for _, value, weight in drained(gauge).gauges]


def test_a_value_that_is_none_keeps_the_one_before(gauge: Gauge) -> None:
    gauge.set(4)
    gauge.set(float("nan"))
    batch = drained(gauge)

    assert [(4, 1)] == [(value, weight) for _, value, weight in batch.gauges]
    assert {DropReason.INVALID: 1} == batch.dropped


def test_a_gauge_that_was_never_set_is_absent(gauge: Gauge) -> None:
    assert [] == drained(gauge).gauges


def test_a_value_taken_back_is_told_once_as_unknown(gauge: Gauge) -> None:
    gauge.set(4)
    drained(gauge)
    gauge.forget()

    assert [None] == [value for _, value, _ in drained(gauge).gauges]
    assert [] == drained(gauge).gauges


def test_that_a_value_never_was_known_can_be_told(gauge: Gauge) -> None:
    gauge.forget()

    assert [(None, 0)] == [(value, weight) for _, value, weight in drained(gauge).gauges]
    assert [] == drained(gauge).gauges


def test_a_value_taken_back_at_once_still_weighs(gauge: Gauge) -> None:
    gauge.set(4)
    gauge.forget()

    assert [(None, 1)] == [(value, weight) for _, value, weight in drained(gauge).gauges]


@pytest.mark.parametrize(("awake", "weight"), [(True, 3), (False, 0)])
def test_an_instrument_asks_a_sleeping_gate(registry: Registry, gate: Gate, awake: bool, weight: int) -> None:
    asked = list[bool]()

    def wake() -> bool:
        asked.append(True)
        return awake

    gate.asleep, gate.wake = True, wake
    registry.user_counter("c", {}).increment()
    registry.user_counter("c", {}).increment(5)
    registry.user_gauge("g", {}).set(5)

    assert [True] * 3 == asked
    assert weight == registry.collect().weight


def refuse(*_: object) -> Any:
    raise ValueError("no")


_ANSWERS = [
    "__eq__",
    "__hash__",
    "__float__",
    "__int__",
    "__index__",
    "__bool__",
    "__lt__",
    "__abs__",
    "__str__",
]
Hostile = type("Hostile", (), {**dict.fromkeys(_ANSWERS, refuse), "__class__": property(refuse)})
HostileFloat = type("HostileFloat", (float,), dict.fromkeys(_ANSWERS, refuse))
HostileInt = type("HostileInt", (int,), dict.fromkeys(_ANSWERS, refuse))
Pretender = type("Pretender", (), {"__class__": property(lambda _: int)})


class NumpyLike(float):
    """As `numpy.float64`: a float that prints in a way of its own."""

    def __repr__(self) -> str:
        return f"np.float64({float(self)})"


def made(value: object) -> object:
    """Make what no test runner could hold: it would ask it something."""
    return value() if isinstance(value, partial) else value


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0),
        (-3, -3),
        (1.5, 1.5),
        (Decimal("1.5"), 1.5),
        (Fraction(3, 2), 1.5),
        (NumpyLike(2.5), 2.5),
        (10**100, 10**100),
        *(
            (wrong, None)
            for wrong in (True, False, None, "5", b"5", 1j, [], object(), 10**101, 10**400, 1e101)
        ),
        *((Decimal(wrong), None) for wrong in ("NaN", "sNaN", "Infinity", "1e400")),
        *((float(wrong), None) for wrong in ("nan", "inf", "-inf")),
        (Fraction(10**400, 3), None),
        *((partial(kind), None) for kind in (Hostile, HostileFloat, HostileInt, Pretender)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_users_number_becomes_plain_or_none(value: object, number: float | None) -> None:
    plain = plain_number(made(value))

    assert number == plain
    assert type(plain) in {int, float, type(None)}


_THINGS: st.SearchStrategy[Any] = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.text(),
    st.binary(),
    st.decimals(),
    st.fractions(),
    st.complex_numbers(),
    st.just(10**400),
    st.builds(Hostile),
    st.builds(HostileFloat),
    st.builds(HostileInt),
    st.builds(Pretender),
    st.lists(st.integers()),
)


@given(st.lists(st.tuples(st.sampled_from(Kind), _THINGS), max_size=20))
def test_whatever_an_instrument_is_given_each_call_is_counted(
    new_registry: Callable[[], Registry], calls: list[tuple[Kind, Any]]
) -> None:
    registry = new_registry()
    for kind, value in calls:
        if kind is Kind.COUNTER:
            registry.user_counter("c", {}).increment(value)
        elif kind is Kind.GAUGE:
            registry.user_gauge("g", {}).set(value)
        else:
            registry.user_timer("t", {}).observe(value)
    batch = registry.collect()

    assert len(calls) == batch.weight
    values = [amount for _, amount, _ in batch.counters] + [v for _, values in batch.timings for v in values]
    assert all(type(value) in {int, float} and 0 <= value < 1e102 for value in values)
