from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.metrics.ring import MinuteRing

_STEPS = st.lists(st.tuples(st.integers(0, 10), st.floats(0, 2000)), max_size=60)


@given(_STEPS, st.integers(1, 60))
def test_it_holds_what_a_list_of_all_amounts_would(steps: list[tuple[int, float]], minutes: int) -> None:
    ring, model, now_s = MinuteRing(minutes), list[tuple[int, int]](), 1000.0

    for amount, passed_s in steps:
        now_s += passed_s
        ring.add(amount, now_s)
        model.append((amount, int(now_s // 60)))
        oldest = int(now_s // 60) - minutes + 1
        assert sum(a for a, minute in model if minute >= oldest) == sum(ring.amounts(now_s).values())


def test_an_empty_ring_sums_to_zero() -> None:
    assert 0 == sum(MinuteRing().amounts(5.0).values())


def test_an_amount_falls_out_when_its_minute_is_an_hour_old() -> None:
    ring = MinuteRing()
    ring.add(3, 59.0)

    assert 3 == sum(ring.amounts(3599.9).values())
    assert 0 == sum(ring.amounts(3600.0).values())


def test_a_long_silence_empties_it() -> None:
    ring = MinuteRing()
    for minute in range(60):
        ring.add(1, minute * 60.0)

    assert 0 == sum(ring.amounts(1e9).values())


def test_a_clock_that_steps_back_loses_nothing() -> None:
    ring = MinuteRing()
    ring.add(1, 600.0)
    ring.add(1, 60.0)

    assert 2 == sum(ring.amounts(0.0).values())


def test_sums_of_seconds_do_not_drift() -> None:
    ring = MinuteRing()
    for step in range(10_000):
        ring.add(0.1, step * 60.0)

    assert sum([0.1] * 60) == sum(ring.amounts(9_999 * 60.0).values())


def test_minutes_are_those_of_the_clock() -> None:
    ring = MinuteRing(minutes=3)
    ring.add(1, 600.0)
    ring.add(2, 719.0)

    assert {10: 1, 11: 2} == ring.amounts(720.0)
    assert {11: 2} == ring.amounts(780.0)
