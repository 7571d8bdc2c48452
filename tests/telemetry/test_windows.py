from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.telemetry._windows import Windows

INTERVALS = st.sampled_from([0.1, 0.25, 1.0, 2.0, 2.5, 5.0, 10.0])


def moments(windows: Windows, from_s: float, count: int) -> list[float]:
    found = [from_s]
    for _ in range(count):
        found.append(found[-1] + windows.wait_s(found[-1]))
    return found[1:]


@given(INTERVALS, st.text(max_size=10), st.integers(0, 100_000), st.floats(1.7e9, 1.8e9))
def test_each_ten_seconds_of_a_receiver_get_as_many_windows(
    interval_s: float, host: str, number: int, from_s: float
) -> None:
    sendings = moments(Windows(interval_s, host, number), from_s, int(50 / interval_s))
    tens = [sending_s // 10 for sending_s in sendings]

    assert {tens.count(ten) for ten in set(tens) - {tens[0], tens[-1]}} == {round(10 / interval_s)}


@given(INTERVALS, st.text(max_size=10), st.integers(0, 100_000), st.floats(1.7e9, 1.8e9))
def test_nobody_sends_near_the_edge_of_a_window(
    interval_s: float, host: str, number: int, from_s: float
) -> None:
    windows = Windows(interval_s, host, number)
    for sending_s in moments(windows, from_s, 3):
        assert 0.09 < sending_s % interval_s / interval_s < 0.91


def test_moment_does_not_depend_on_when_the_process_began() -> None:
    windows = Windows(2.0, "h1", 3)

    assert moments(windows, 1000.0, 2)[1] == pytest.approx(moments(windows, 1001.9, 1)[0], abs=2.001)
    assert moments(windows, 1000.0, 1)[0] % 2 == pytest.approx(moments(windows, 77_777.7, 1)[0] % 2)


def test_processes_of_a_host_are_spread_over_the_window() -> None:
    sendings = sorted(moments(Windows(2.0, "h1", slot), 1000.0, 1)[0] % 2 for slot in range(8))
    gaps = [later - earlier for earlier, later in pairwise(sendings)]

    assert min(gaps) > 0.08


def test_hosts_are_apart_too() -> None:
    assert moments(Windows(2.0, "h1", 0), 1000.0, 1) != moments(Windows(2.0, "h2", 0), 1000.0, 1)
