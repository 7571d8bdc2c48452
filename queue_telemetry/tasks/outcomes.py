"""The one classifier: how a run ended, from the handler's own word and the exception that left it."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from queue_telemetry._runtime import say
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.metrics import tag_text

if TYPE_CHECKING:
    from queue_telemetry.tasks.run import Run

__all__ = ["Matcher", "Outcome", "Policy", "Reason", "Verdict", "classify", "error_type"]

Matcher = tuple[type[BaseException], ...] | type[BaseException] | Callable[[BaseException, "Run"], bool]
"""Exception types, or a predicate `(exception, run) -> bool`."""


class Outcome(StrEnum):
    """How a run ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    RETRIED = "retried"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    INTERRUPTED = "interrupted"


class Reason(StrEnum):
    """Why a run failed; a closed set, since it is a tag."""

    EXCEPTION = "exception"
    TIMEOUT = "timeout"
    EXPECTED = "expected"
    SYSTEM_EXIT = "system_exit"
    LOST = "lost"
    REJECTED = "rejected"
    EXPIRED = "expired"
    RETRIES_EXHAUSTED = "retries_exhausted"
    NOT_STARTED = "not_started"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user's exceptions mean for one handler; empty means that none does."""

    retry_on: Matcher = ()
    expected: Matcher = ()
    ignore: Matcher = ()
    timeout_on: Matcher = ()

    def __post_init__(self) -> None:
        for name in ("retry_on", "expected", "ignore", "timeout_on"):
            matcher = getattr(self, name)
            if not callable(matcher) and not _are_types(matcher):
                raise ConfigurationError(
                    f"{name}={matcher!r} is neither exception types, one or a tuple, nor a callable (exception, run)"
                )


@dataclass(frozen=True, slots=True)
class Verdict:
    """An outcome, and for failures the reason."""

    outcome: Outcome
    reason: Reason | None = None


_COMPLETED: Final = Verdict(Outcome.COMPLETED)
_FAILED: Final = Verdict(Outcome.FAILED, Reason.EXCEPTION)
_TIME_LIMITS: Final = frozenset({"SoftTimeLimitExceeded", "JobTimeoutException", "TimeLimitExceeded"})
"""The frameworks' own time limits, known by name so that none has to be imported. Not every TimeoutError is one."""


def classify(error: BaseException | None, policy: Policy, run: "Run") -> Verdict:
    """Return how a run ended that *error* left, or that nothing left; first match wins.

    A group is judged by its leaves when they agree. A fault in a predicate or in a class's own `__instancecheck__` counts
    as failed and never takes the place of the task's exception.
    """
    if error is None:
        return _COMPLETED
    verdicts = {_classify_leaf(leaf, policy, run) for leaf in _leaves(error)}
    return verdicts.pop() if len(verdicts) == 1 else _FAILED


def error_type(error: BaseException | None) -> str:
    """Return the class name that tags a failure: a group's first leaf, empty when there is no exception."""
    if error is None:
        return ""
    try:
        return tag_text(type(next(_leaves(error))).__name__)
    except Exception:  # noqa: BLE001 - a metaclass may answer here
        return "exception"


def _classify_leaf(error: BaseException, policy: Policy, run: "Run") -> Verdict:
    try:
        verdict = _classify_by_policy(error, policy, run)
    except BaseException as fault:  # noqa: BLE001 - the user's code; the task's own exception goes on whatever this raised
        say("policy", "what should judge a task's exception failed with %s", error_type(fault))
        return _FAILED
    if verdict is not None:
        return verdict
    if isinstance(error, asyncio.CancelledError | GeneratorExit):  # the latter is a coroutine that was closed
        return Verdict(Outcome.CANCELLED)
    if isinstance(error, SystemExit):
        return Verdict(Outcome.FAILED, Reason.SYSTEM_EXIT)
    return Verdict(Outcome.INTERRUPTED) if isinstance(error, KeyboardInterrupt) else _FAILED


def _classify_by_policy(error: BaseException, policy: Policy, run: "Run") -> Verdict | None:
    if _matches(error, policy.ignore, run):
        return Verdict(Outcome.SKIPPED)
    if _matches(error, policy.retry_on, run):
        return Verdict(Outcome.RETRIED)
    if _matches(error, policy.expected, run):
        return Verdict(Outcome.FAILED, Reason.EXPECTED)
    if _is_time_limit(error) or _matches(error, policy.timeout_on, run):
        return Verdict(Outcome.FAILED, Reason.TIMEOUT)
    return None


def _matches(error: BaseException, matcher: Matcher, run: "Run") -> bool:
    if isinstance(matcher, tuple | type):
        return isinstance(error, matcher)
    return bool(matcher(error, run))


def _are_types(kinds: object) -> bool:
    return isinstance(kinds, type) or (isinstance(kinds, tuple) and all(map(_are_types, kinds)))


def _is_time_limit(error: BaseException) -> bool:
    return any(kind.__name__ in _TIME_LIMITS for kind in type(error).__mro__)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
