"""Lifecycle records through a loguru sink of the user's."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from loguru import logger

from queue_telemetry.api import Telemetry, add_task_context

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
