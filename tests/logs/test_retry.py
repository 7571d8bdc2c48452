"""Verdicts by status, Retry-After in both spellings, and the schedule of attempts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.logs._retry import RetrySchedule, Verdict, judge, parse_retry_after


@pytest.mark.parametrize(
    ("verdict", "statuses"),
    [
        (Verdict.DELIVERED, (200, 201, 202, 204)),
        (Verdict.RETRY, (408, 425, 429, 500, 502, 503, 504, 507, 511, 599)),
        (Verdict.MISCONFIGURED, (301, 302, 307, 401, 402, 403, 404, 405, 407, 415, 501, 505)),
        (Verdict.REJECTED, (400, 406, 409, 410, 413, 422, 451)),
    ],
)
def test_statuses_are_judged(verdict: Verdict, statuses: tuple[int, ...]) -> None:
    assert {verdict} == {judge(status) for status in statuses}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("0", 0.0),
        ("9" * 400, 999_999_999_999.0),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("", None),
        ("Tue, 99 Nov 2023 22:13:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_spellings(text: str | None, seconds: float | None) -> None:
    assert seconds == parse_retry_after(text, 1_700_000_000.0)


@given(st.text())
def test_any_retry_after_is_read_without_raising(text: str) -> None:
    seconds = parse_retry_after(text, 1_700_000_000.0)

    assert seconds is None or seconds >= 0


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

    schedule.succeeded()

    assert (0.0, 0) == (schedule.not_before_s, schedule.failures)


def test_hurry_cuts_a_long_backoff_to_that_of_a_first_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("queue_telemetry._runtime.backoff.random.uniform", lambda _, ceiling_s: ceiling_s)
    schedule = RetrySchedule()
    for _ in range(20):
        schedule.failed(100.0)
    assert 160.0 == schedule.not_before_s

    schedule.hurry(last_chance=False)

    assert 100.5 == schedule.not_before_s


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
