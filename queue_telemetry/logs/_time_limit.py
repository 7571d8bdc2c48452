"""Let a task's time limit through where any other exception is caught. Pure: no clock, no socket, no state."""

from typing import Final

__all__ = ["is_time_limit", "pass_on"]

_TIME_LIMITS: Final = frozenset({"SoftTimeLimitExceeded", "JobTimeoutException", "TimeLimitExceeded"})
"""The frameworks' own, known by name so that none has to be imported."""


def is_time_limit(error: BaseException) -> bool:
    """Tell whether *error* is a framework's time limit."""
    return any(kind.__name__ in _TIME_LIMITS for kind in type(error).__mro__)


def pass_on(error: Exception) -> None:
    """Do nothing, unless *error* is a time limit.

    A framework's signal handler raises it wherever the task happens to be, in here too. Caught, it would let the task
    run on without a limit.

    Raises:
        Exception: *error* itself.

    Source: https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits,
    https://python-rq.org/docs/exceptions/
    """
    if is_time_limit(error):
        raise error
