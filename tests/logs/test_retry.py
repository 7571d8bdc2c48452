"""The schedule of attempts: backoff, what the collector asks for, probes of a parked destination, hurry."""

import pytest

from queue_telemetry.logs._retry import RetrySchedule


def test_backoff_stays_under_its_cap_after_many_failures() -> None:
    schedule = RetrySchedule()
    for _ in range(200):
        schedule.failed(100.0)

        assert 100.05 <= schedule.not_before_s <= 160.0


def test_what_the_collector_asks_for_is_a_floor() -> None:
    schedule = RetrySchedule()

    schedule.failed(100.0, 30.0)

    assert 130.0 <= schedule.not_before_s <= 133.0


def test_what_the_collector_asks_for_is_capped() -> None:
    schedule = RetrySchedule()

    schedule.failed(0.0, 1e9)

    assert 900.0 <= schedule.not_before_s <= 990.0


def test_success_forgets_failures() -> None:
    schedule = RetrySchedule()
    schedule.failed(100.0, 30.0)
    schedule.parked(100.0)

    schedule.succeeded(100.0)

    assert (0.0, 0, 0) == (schedule.not_before_s, schedule.failures, schedule.probes)


def test_a_pause_after_a_success_is_kept_but_by_who_hurries() -> None:
    schedule = RetrySchedule()

    schedule.succeeded(100.0, 0.75)
    assert (100.75, 0) == (schedule.not_before_s, schedule.failures)
    schedule.hurry(last_chance=False)

    assert 0.0 == schedule.not_before_s


def test_a_parked_destination_is_probed_after_a_minute_and_later_every_five() -> None:
    schedule = RetrySchedule()
    waits_s = []
    for _ in range(7):
        schedule.parked(1000.0)
        waits_s.append(schedule.not_before_s - 1000.0)

    assert all(
        0.9 * probe_s <= wait_s <= probe_s
        for wait_s, probe_s in zip(waits_s, (60, 120, 180, 240, 300, 300, 300), strict=True)
    )


def test_what_a_parked_destination_asks_for_is_a_floor() -> None:
    schedule = RetrySchedule()

    schedule.parked(100.0, 500.0)

    assert 600.0 <= schedule.not_before_s <= 650.0


def test_hurry_probes_a_parked_destination_after_a_second() -> None:
    schedule = RetrySchedule()
    for _ in range(5):
        schedule.parked(100.0)

    schedule.hurry(last_chance=False)

    assert 101.0 == schedule.not_before_s


def test_hurry_cuts_a_long_backoff_to_that_of_a_first_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_telemetry._runtime.backoff.random.uniform", lambda _, ceiling_s: ceiling_s)
    schedule = RetrySchedule()
    for _ in range(20):
        schedule.failed(100.0)
    assert 160.0 == schedule.not_before_s

    schedule.hurry(last_chance=False)

    assert 100.5 == schedule.not_before_s


def test_who_hurries_during_an_attempt_has_the_next_one_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_telemetry._runtime.backoff.random.uniform", lambda _, ceiling_s: ceiling_s)
    schedule = RetrySchedule()
    for _ in range(20):
        schedule.failed(100.0)
    schedule.started()

    schedule.hurry(last_chance=False)
    schedule.failed(200.0)

    assert 200.5 == schedule.not_before_s


def test_a_hurry_ends_with_the_attempt_that_it_brought(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_telemetry._runtime.backoff.random.uniform", lambda _, ceiling_s: ceiling_s)
    schedule = RetrySchedule()
    for _ in range(20):
        schedule.failed(100.0)
    schedule.hurry(last_chance=False)
    schedule.hurry(last_chance=True)

    schedule.started()
    schedule.failed(200.0)

    assert 260.0 == schedule.not_before_s


def test_many_hurrying_callers_never_go_under_the_least_wait() -> None:
    schedule = RetrySchedule()
    for _ in range(100):
        schedule.failed(100.0)
        schedule.hurry(last_chance=False)

        assert 100.05 <= schedule.not_before_s <= 100.5


def test_only_the_last_chance_overrules_what_the_collector_asked_for() -> None:
    schedule = RetrySchedule()
    schedule.failed(100.0, 30.0)

    schedule.hurry(last_chance=False)
    assert schedule.not_before_s >= 130.0
    schedule.hurry(last_chance=True)

    assert 0.0 == schedule.not_before_s
