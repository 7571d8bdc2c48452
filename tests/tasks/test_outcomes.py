"""How a run ended, from what left it and what its handler said."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry._runtime import log
from queue_telemetry.api import Run, Telemetry

SeriesOf = Callable[[Telemetry], dict[tuple[str, ...], int]]


class RetryError(Exception):
    pass


class SkipError(Exception):
    pass


class KnownError(Exception):
    pass


class OwnLimitError(Exception):
    pass


class SoftTimeLimitExceeded(Exception):
    """Named as a framework's."""


class MyLimitError(SoftTimeLimitExceeded):
    pass


class _Broken(type):
    def __instancecheck__(cls, instance: object) -> bool:
        raise RuntimeError("broken")


class BrokenError(Exception, metaclass=_Broken):
    pass


def _predicate(error: BaseException, run: Run) -> bool:
    return "again" in str(error) and run.attempt == 1


def _broken_predicate(error: BaseException, run: Run) -> bool:
    raise SystemExit


RULES: dict[str, Any] = {
    "ignore": SkipError,
    "retry_on": (RetryError,),
    "expected": KnownError,
    "timeout_on": OwnLimitError,
}
EXCEPTION, TIMEOUT = ("failed", "exception"), ("failed", "timeout")


@pytest.mark.parametrize(
    ("rules", "error", "outcome"),
    [
        (RULES, SkipError(), ("skipped", None)),
        (RULES, RetryError(), ("retried", None)),
        (RULES, KnownError(), ("failed", "expected")),
        (RULES, OwnLimitError(), TIMEOUT),
        (RULES, SoftTimeLimitExceeded(), TIMEOUT),
        (RULES, MyLimitError(), TIMEOUT),
        (RULES, TimeoutError(), EXCEPTION),
        (RULES, ValueError(), EXCEPTION),
        (RULES, asyncio.CancelledError(), ("cancelled", None)),
        (RULES, SystemExit(0), ("failed", "system_exit")),
        (RULES, KeyboardInterrupt(), ("interrupted", None)),
        (RULES, ExceptionGroup("", [SkipError(), SkipError()]), ("skipped", None)),
        (RULES, ExceptionGroup("", [ExceptionGroup("", [RetryError()]), RetryError()]), ("retried", None)),
        (RULES, ExceptionGroup("", [SkipError(), RetryError()]), EXCEPTION),
        (RULES, BaseExceptionGroup("", [asyncio.CancelledError()]), ("cancelled", None)),
        ({"ignore": ValueError, "retry_on": ValueError}, ValueError(), ("skipped", None)),
        ({"retry_on": ValueError, "expected": ValueError}, ValueError(), ("retried", None)),
        ({"expected": SoftTimeLimitExceeded}, SoftTimeLimitExceeded(), ("failed", "expected")),
        ({"retry_on": KeyboardInterrupt}, KeyboardInterrupt(), ("retried", None)),
        ({"retry_on": _predicate}, ValueError("again"), ("retried", None)),
        ({"retry_on": _predicate}, ValueError("never"), EXCEPTION),
        ({"retry_on": _broken_predicate}, ValueError(), EXCEPTION),
        ({"ignore": BrokenError, "retry_on": ValueError}, ValueError(), EXCEPTION),
        ({"ignore": ((SkipError, KeyError), ValueError)}, KeyError(), ("skipped", None)),
    ],
)
def test_an_exception_is_classified_and_raised_as_it_was(
    rules: dict[str, Any],
    error: BaseException,
    outcome: tuple[str, str | None],
    telemetry: Telemetry,
    series_of: SeriesOf,
) -> None:
    @telemetry.task("work", **rules)
    def handler() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        handler()

    assert error is caught.value
    assert error.__context__ is None
    ended, reason = outcome
    first = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error
    first = first.exceptions[0] if isinstance(first, BaseExceptionGroup) else first
    more = () if reason is None else (type(first).__name__, reason)
    assert {
        ("queue.tasks.claimed", "default", "work"): 1,
        ("queue.tasks.started", "default", "work"): 1,
        (f"queue.tasks.{ended}", "default", "work", *more): 1,
    } == series_of(telemetry)


@pytest.mark.parametrize("error", [None, ValueError("left")], ids=["returns", "raises"])
@pytest.mark.parametrize(
    ("say", "outcome"),
    [
        (lambda run: run.retry(), ("retried",)),
        (lambda run: run.cancel(), ("cancelled",)),
        (lambda run: run.skip(), ("skipped",)),
        (lambda run: run.fail(KeyError()), ("failed", "KeyError", "exception")),
        (lambda run: run.fail(KnownError()), ("failed", "KnownError", "expected")),
        (lambda run: run.fail(OwnLimitError()), ("failed", "OwnLimitError", "timeout")),
        (lambda run: run.fail(RetryError()), ("failed", "RetryError", "exception")),
        (lambda run: (run.fail(KeyError()), run.skip()), ("skipped",)),
        (lambda run: (run.skip(), run.retry()), ("retried",)),
    ],
)
def test_the_handlers_last_word_beats_what_it_returns_or_raises(
    say: Callable[[Run], object],
    outcome: tuple[str, ...],
    error: Exception | None,
    telemetry: Telemetry,
    series_of: SeriesOf,
) -> None:
    @telemetry.task("work", **RULES)
    def handler() -> None:
        run = telemetry.current()
        assert run is not None
        say(run)
        if error is not None:
            raise error

    try:
        handler()
    except ValueError as caught:
        assert caught is error  # noqa: PT017 - the other half of the table raises nothing

    name, *more = outcome
    assert {(f"queue.tasks.{name}", "default", "work", *more): 1} == {
        key: count
        for key, count in series_of(telemetry).items()
        if "started" not in key[0] and "claimed" not in key[0]
    }


def test_expected_failures_wake_nobody(telemetry: Telemetry) -> None:
    @telemetry.task(expected=KnownError)
    def handler(error: Exception) -> None:
        raise error

    for error in (KnownError("known"), ValueError("unknown")):
        with pytest.raises(type(error)):
            handler(error)

    report = telemetry.health().as_dict()
    assert 1 == report["failed_tasks_1h"]
    assert ["ValueError"] == [group["type"] for group in report["errors"]]  # type: ignore[attr-defined]


@pytest.mark.parametrize("broken", ["__str__", "__repr__"])
def test_an_exception_that_cannot_be_told_still_counts(
    broken: str, general: Telemetry, series_of: SeriesOf
) -> None:
    def fail(_: object) -> str:
        raise RuntimeError

    error = type("OddError", (Exception,), {broken: fail})()

    @general.task("work")
    def handler() -> None:
        raise error

    with pytest.raises(Exception) as caught:
        handler()

    assert error is caught.value
    assert 1 == series_of(general)["queue.tasks.failed", "default", "work", "OddError", "exception"]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, SystemExit, ValueError])
def test_a_fault_in_a_predicate_is_said_and_never_replaces_the_tasks_exception(
    fault: type[BaseException],
    telemetry: Telemetry,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(error: BaseException, run: Run) -> bool:
        raise fault

    @telemetry.task(retry_on=broken)
    def fails() -> None:
        raise KnownError

    monkeypatch.setattr(log, "_last", {})
    with pytest.raises(KnownError):
        fails()

    assert [f"what should judge a task's exception failed with {fault.__name__}"] == caplog.messages
