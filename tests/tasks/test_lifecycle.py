"""Lifecycle records through a loguru sink of the user's."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from loguru import logger

from queue_telemetry.api import Telemetry, add_task_context
from queue_telemetry.metrics import ErrorNews, ErrorSample, News

CLAIMS = ["task_enqueued", "task_claimed", "task_claimed"]
OUTCOMES = ["task_completed", "task_retried", "task_failed"]
FAILURES = ["enqueue_failed", "claim_failed"]


class RetryError(Exception):
    pass


@pytest.mark.parametrize(
    ("task_logs", "events"),
    [
        ("all", [*CLAIMS, *OUTCOMES, *FAILURES, "task_claimed"]),
        ("outcomes", [*OUTCOMES, *FAILURES]),
        ("failures", ["task_failed", *FAILURES]),
        ("none", []),
    ],
)
def test_the_setting_chooses_the_events(
    task_logs: str,
    events: list[str],
    make_telemetry: Callable[..., Telemetry],
    records: list[dict[str, object]],
) -> None:
    telemetry = make_telemetry(task_logs=task_logs)

    @telemetry.task(retry_on=RetryError)
    def work(error: Exception | None) -> None:
        if error is not None:
            raise error

    with telemetry.enqueue("work"):
        pass
    with telemetry.claim() as claim:
        claim.took("work")
        work(None)
    for error in (RetryError(), ValueError()):
        with suppress(RetryError, ValueError):
            work(error)
    with suppress(OSError), telemetry.enqueue("work"):
        raise OSError
    with suppress(OSError), telemetry.claim():
        raise OSError

    assert sorted(events) == sorted(str(record["event"]) for record in records)


def test_a_record_stands_where_the_handler_does(general: Telemetry, records: list[dict[str, object]]) -> None:
    @general.task
    def cleanup() -> None: ...

    cleanup()

    line = cleanup.__wrapped__.__code__.co_firstlineno  # type: ignore[attr-defined] # of functools.wraps
    assert (__name__, "cleanup", line) == tuple(records[-1][key] for key in ("name", "function", "line"))


def test_a_record_tells_the_task(general: Telemetry, records: list[dict[str, object]]) -> None:
    headers = {"qt-attempt": "2", "qt-parent-id": "p", "qt-enqueued-at": str(general._clock.time() - 1)}
    with general.worker("w"), general.run("work", queue="mail", task_id="a", headers=headers):
        pass

    record = records[-1]
    assert {
        "event": "task_completed",
        "task_type": "work",
        "queue": "mail",
        "task_id": "a",
        "attempt": 2,
        "parent_id": "p",
        "worker_id": "w",
        "level": "INFO",
    }.items() <= record.items()
    assert 0 <= float(str(record["duration_ms"])) < 5000
    assert 900 < float(str(record["wait_ms"])) < 9000


@pytest.mark.parametrize(
    ("error", "level", "reason"),
    [(ValueError(), "ERROR", "exception"), (KeyError(), "INFO", "expected"), (RetryError(), "WARNING", None)],
)
def test_the_level_says_whom_to_wake(
    error: Exception, level: str, reason: str | None, general: Telemetry, records: list[dict[str, object]]
) -> None:
    with (
        suppress(ValueError, KeyError, RetryError),
        general.run("work", retry_on=RetryError, expected=KeyError),
    ):
        raise error

    assert (level, reason) == (records[-1]["level"], records[-1].get("reason"))


def test_braces_in_names_are_text(general: Telemetry, records: list[dict[str, object]]) -> None:
    with general.run("{work} {0}") as run:
        run.tag(note="{missing}")

    assert str(records[-1]["message"]).startswith("{work} {0} completed in ")


def test_a_users_sink_that_raises_does_not_reach_the_task(
    general: Telemetry, counts_of: Callable[[Telemetry, str], dict[str, int]]
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError

    handler_id = logger.add(broken, catch=False)
    try:
        assert 1 == general.task("work")(lambda: 1)()
        with general.enqueue("work"), general.claim() as claim:
            claim.took("work")
    finally:
        logger.remove(handler_id)

    assert {"claimed": 2, "started": 1, "completed": 1, "enqueued": 1} == counts_of(general, "work")


def test_the_users_own_records_bear_the_task_by_the_patcher(
    telemetry: Telemetry, records: list[dict[str, object]]
) -> None:
    logger.configure(patcher=add_task_context)
    try:
        logger.info("outside")
        with telemetry.worker("w"), telemetry.run("work", task_id="a") as run:
            run.tag(rows=3)
            logger.bind(queue="mine").info("inside")
    finally:
        logger.configure(patcher=lambda _: None)

    outside, inside = records
    assert "task_id" not in outside
    assert {
        "task_id": "a",
        "task_type": "work",
        "worker_id": "w",
        "queue": "mine",
        "rows": 3,
    }.items() <= inside.items()


def _fail(telemetry: Telemetry, times: int, error: Exception, **policy: type[Exception]) -> None:
    for _ in range(times):
        with suppress(type(error)), telemetry.run("work", **policy):  # type: ignore[arg-type] # of policies only
            raise type(error)(*error.args)  # a new one, with a traceback of its own


def _failed(records: list[dict[str, object]]) -> list[dict[str, object]]:
    return [record for record in records if record["event"] == "task_failed"]


def test_failures_of_one_kind_are_written_five_times_a_minute_and_counted_all(
    make_telemetry: Callable[..., Telemetry], records: list[dict[str, object]]
) -> None:
    telemetry = make_telemetry(task_logs="failures", task_logs_per_error=5)
    before = telemetry._clock.monotonic() // 60
    _fail(telemetry, 105, ValueError())
    if telemetry._clock.monotonic() // 60 == before:  # else a second minute began
        assert [None] * 5 + [99] == [record.get("suppressed") for record in _failed(records)]
        assert 99 == telemetry.health().telemetry["tasks"]["records_suppressed"]
    assert all(record["exception"] for record in _failed(records))
    assert 105 == telemetry.health().failed_tasks_1h


def test_expected_failures_are_not_limited(
    make_telemetry: Callable[..., Telemetry], records: list[dict[str, object]]
) -> None:
    _fail(make_telemetry(task_logs="failures"), 20, KeyError(), expected=KeyError)

    assert 20 == len(_failed(records))


def test_a_new_error_is_told_once(
    make_telemetry: Callable[..., Telemetry], records: list[dict[str, object]]
) -> None:
    telemetry = make_telemetry(task_logs="failures")
    for _ in range(2):
        _fail(telemetry, 2, ValueError("row 17"))
        telemetry._collect()
        telemetry._tell_tasks()

    (news,) = [record for record in records if record["event"] == "error_new"]
    assert {
        "level": "WARNING",
        "task_type": "work",
        "error_type": "ValueError",
        "sample": "row N",
        "message": "work failed in a way it never did: ValueError: row N",
    }.items() <= news.items()
    assert 16 == len(str(news["fingerprint"]))


def test_an_error_that_came_back_says_after_how_long(
    general: Telemetry, records: list[dict[str, object]]
) -> None:
    error = ErrorSample("9f", "KeyError", "work", "no row", 0.0)
    general._tracker.lifecycle.error_news(ErrorNews(News.RETURNED, error, 90_000.4))

    assert ("error_returned", 90_000) == (records[-1]["event"], records[-1]["silent_s"])
    assert "work fails again after 90000 s: KeyError: no row" == records[-1]["message"]


def test_without_failures_in_the_logs_there_are_no_news(
    make_telemetry: Callable[..., Telemetry], records: list[dict[str, object]]
) -> None:
    telemetry = make_telemetry(task_logs="none")
    _fail(telemetry, 1, ValueError())
    telemetry._collect()
    telemetry._tell_tasks()

    assert [] == records
