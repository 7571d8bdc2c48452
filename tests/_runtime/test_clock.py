import time

from queue_telemetry._runtime import SYSTEM_CLOCK, Clock


def test_the_systems_clocks_are_the_default() -> None:
    assert (time.monotonic, time.time) == (SYSTEM_CLOCK.monotonic, SYSTEM_CLOCK.time)


def test_a_test_turns_the_clocks_by_hand() -> None:
    clock = Clock(monotonic=lambda: 5.0, time=lambda: 1_700_000_000.0)

    assert (5.0, 1_700_000_000.0) == (clock.monotonic(), clock.time())
