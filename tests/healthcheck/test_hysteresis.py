from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.healthcheck import Reason, Settled

_SIZE = Reason.QUEUE_SIZE


def _after(evaluations: Iterable[bool]) -> Settled:
    settled = Settled()
    for found in evaluations:
        settled = settled.after({_SIZE} if found else set())
    return settled


@pytest.mark.parametrize(
    ("evaluations", "holds"),
    [
        ("", False),
        ("1", False),
        ("11", True),
        ("101", False),
        ("1011", True),
        ("110", True),
        ("1100", True),
        ("11000", False),
        ("1100100", True),
        ("11001000", False),
        ("110001", False),
        ("1100011", True),
    ],
)
def test_a_reason_enters_after_two_and_leaves_after_three(evaluations: str, holds: bool) -> None:
    settled = _after(mark == "1" for mark in evaluations)

    assert holds is (_SIZE in settled.active)


def test_reasons_count_each_for_itself() -> None:
    settled = Settled().after({_SIZE}).after({_SIZE, Reason.WAIT_P95})

    assert {_SIZE} == settled.active
    assert {_SIZE, Reason.WAIT_P95} == settled.after({_SIZE, Reason.WAIT_P95}).active


@given(st.lists(st.booleans(), max_size=40))
def test_what_holds_is_what_the_last_long_enough_streak_said(evaluations: list[bool]) -> None:
    """Looking back: of the streaks that were long enough, two found or three not, the latest decides."""
    holds = False
    for end in range(1, len(evaluations) + 1):
        if end >= 2 and all(evaluations[end - 2 : end]):
            holds = True
        elif end >= 3 and not any(evaluations[end - 3 : end]):
            holds = False

    assert holds is (_SIZE in _after(evaluations).active)


@pytest.mark.parametrize(
    ("evaluations", "conclusive"), [("", False), ("1", False), ("01", True), ("000", True)]
)
def test_it_is_conclusive_once_a_reason_could_have_entered(evaluations: str, conclusive: bool) -> None:
    assert conclusive is _after(mark == "1" for mark in evaluations).is_conclusive
