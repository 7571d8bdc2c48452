"""The stdlib's records in loguru, with all that they say."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from loguru import logger

from queue_telemetry.telemetry import Telemetry

Shipped = Callable[[Telemetry], list[dict[str, Any]]]
Messages = Callable[[Telemetry], list[object]]


def test_a_record_says_where_it_came_from(capturing: Telemetry, shipped: Shipped) -> None:
    source = logging.getLogger("shop.orders")

    def place_order() -> None:
        source.warning("order %d of %s {}", 7, "bob", extra={"order": 7})

    place_order()

    (record,) = shipped(capturing)
    assert {
        "message": "order 7 of bob {}",
        "level": "WARNING",
        "logger": "shop.orders",
        "function": "place_order",
        "line": place_order.__code__.co_firstlineno + 1,
        "order": 7,
        "thread": "MainThread",
    } == {key: record[key] for key in ("message", "level", "logger", "function", "line", "order", "thread")}


def test_the_user_s_own_sinks_see_the_same(capturing: Telemetry) -> None:
    seen: list[Any] = []
    logger.add(lambda message: seen.append(message.record), filter="shop.orders")

    logging.getLogger("shop.orders").info("x")

    (record,) = seen
    assert ("test_bridge.py", __file__, "test_bridge") == (
        record["file"].name,
        record["file"].path,
        record["module"],
    )


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (10, "DEBUG"),
        (20, "INFO"),
        (30, "WARNING"),
        (40, "ERROR"),
        (50, "CRITICAL"),
        (25, "SUCCESS"),
        (35, "Level 35"),
    ],
)
def test_levels_keep_their_meaning(
    capturing: Telemetry, monkeypatch: pytest.MonkeyPatch, number: int, name: str, shipped: Shipped
) -> None:
    if number == 25:
        monkeypatch.setitem(logging._levelToName, 25, "SUCCESS")  # as `addLevelName`, undone at the end

    logging.getLogger("x").log(number, "x")

    assert [name] == [record["level"] for record in shipped(capturing)]


def test_an_exception_comes_along(capturing: Telemetry, shipped: Shipped) -> None:
    try:
        raise ValueError("bad")
    except ValueError:
        logging.getLogger("x").exception("failed")

    (record,) = shipped(capturing)
    assert ("ValueError", "bad") == (record["error"]["type"], record["error"]["message"])
    assert "in test_an_exception_comes_along" in record["error"]["stack"]


def test_exception_information_without_an_exception_brings_none(
    capturing: Telemetry, shipped: Shipped
) -> None:
    logging.getLogger("x").error("failed", exc_info=True)  # noqa: LOG014 - what is shown

    (record,) = shipped(capturing)
    assert "error" not in record


def test_a_stack_that_was_asked_for_comes_along(capturing: Telemetry, shipped: Shipped) -> None:
    logging.getLogger("x").info("here", stack_info=True)

    assert "in test_a_stack_that_was" in shipped(capturing)[0]["stack_info"]


def test_arguments_that_do_not_fit_leave_the_message(
    capturing: Telemetry, messages: Messages, leave_only_bridges: Callable[[], None]
) -> None:
    leave_only_bridges()
    logging.getLogger("x").info("%d of %d", "many")  # noqa: PLE1206 - what is shown

    assert ["%d of %d"] == messages(capturing)


def test_a_message_that_cannot_be_written_is_named(
    capturing: Telemetry, messages: Messages, leave_only_bridges: Callable[[], None]
) -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    leave_only_bridges()
    logging.getLogger("x").info(Unprintable())

    assert ["<unprintable Unprintable>"] == messages(capturing)


def test_a_record_of_a_queue_s_listener_is_of_its_own_thread(capturing: Telemetry, shipped: Shipped) -> None:
    record = logging.makeLogRecord(
        {
            "name": "x",
            "msg": "hello",
            "thread": 7,
            "threadName": "worker-7",
            "created": 1_700_000_000.25,
            "levelno": 20,
        }
    )

    logging.getLogger("x").handle(record)

    (record_shipped,) = shipped(capturing)
    assert ("worker-7", "2023-11-14T22:13:20.250000Z") == (
        record_shipped["thread"],
        record_shipped["timestamp"],
    )


def test_what_loguru_was_told_to_ignore_is_ignored(capturing: Telemetry, messages: Messages) -> None:
    logger.disable(__name__)
    try:
        logging.getLogger("x").info("ignored")
    finally:
        logger.enable(__name__)
    logging.getLogger("x").info("kept")

    assert ["kept"] == messages(capturing)


def test_a_sink_of_the_user_that_raises_ends_nothing(
    capturing: Telemetry, caplog: pytest.LogCaptureFixture, messages: Messages
) -> None:
    def broken(_: object) -> None:
        raise ValueError("the user's own")

    logger.add(broken, catch=False)
    logging.getLogger("x").info("kept")

    assert ["kept"] == messages(capturing)
    assert 1 == len([line for line in caplog.messages if "was not passed on: ValueError" in line])


def test_records_are_valid_json_whatever_came_along(capturing: Telemetry, shipped: Shipped) -> None:
    logging.getLogger("x").info("token=%s", "S3CRET", extra={"password": "S3CRET", "odd": {(1, 2): object()}})

    (record,) = shipped(capturing)
    assert "S3CRET" not in json.dumps(record)


class SoftTimeLimitExceeded(Exception):
    """As celery names it."""


def test_a_time_limit_that_comes_inside_of_a_sink_ends_the_task(
    capturing: Telemetry, messages: Messages
) -> None:
    def slow(_: object) -> None:
        raise SoftTimeLimitExceeded

    logger.add(slow, catch=False)
    with pytest.raises(SoftTimeLimitExceeded):
        logging.getLogger("x").info("kept")

    assert ["kept"] == messages(capturing)


def test_a_time_limit_that_comes_inside_of_a_message_ends_the_task(
    capturing: Telemetry, leave_only_bridges: Callable[[], None]
) -> None:
    class Slow:
        def __str__(self) -> str:
            raise SoftTimeLimitExceeded

    leave_only_bridges()
    with pytest.raises(SoftTimeLimitExceeded):
        logging.getLogger("x").info(Slow())
