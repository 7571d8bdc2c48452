"""A framework's time limit is told by its name, and passed on."""

import pytest

from queue_telemetry.logs._time_limit import is_time_limit, pass_on


class SoftTimeLimitExceeded(Exception):
    """As celery names it."""


class OfThisTask(SoftTimeLimitExceeded):
    """A task's own."""


@pytest.mark.parametrize("error", [SoftTimeLimitExceeded(), OfThisTask()])
def test_a_time_limit_is_passed_on(error: Exception) -> None:
    with pytest.raises(SoftTimeLimitExceeded):
        pass_on(error)


@pytest.mark.parametrize("error", [TimeoutError(), ValueError("SoftTimeLimitExceeded"), KeyboardInterrupt()])
def test_nothing_else_is_one(error: BaseException) -> None:
    assert not is_time_limit(error)
