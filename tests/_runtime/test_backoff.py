from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry._runtime import full_jitter_s


@given(st.integers(-5, 10**6), st.floats(0.001, 60), st.floats(60, 3_600))
def test_the_wait_stays_within_its_bounds(failures: int, base_s: float, cap_s: float) -> None:
    wait_s = full_jitter_s(failures, base_s=base_s, cap_s=cap_s)

    assert base_s / 10 <= wait_s <= min(cap_s, base_s * 2 ** min(max(failures - 1, 0), 40))


def test_the_whole_range_is_used() -> None:
    waits_s = [full_jitter_s(4, base_s=1.0, cap_s=60.0) for _ in range(500)]

    assert min(waits_s) < 2.0
    assert max(waits_s) > 6.0


def test_waits_differ_so_that_workers_do_not_come_back_together() -> None:
    assert 1 < len({full_jitter_s(10, base_s=1.0, cap_s=60.0) for _ in range(20)})
