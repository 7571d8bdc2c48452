"""No record comes twice, and none goes in a circle."""

import asyncio
import logging
import logging.config
import threading
from collections.abc import Callable
from typing import Any

import pytest
from loguru import logger

from queue_telemetry import _runtime
from queue_telemetry.telemetry import Telemetry
from queue_telemetry.testing import Collector

Shipped = Callable[[Telemetry], list[dict[str, Any]]]
Messages = Callable[[Telemetry], list[object]]

_DICT_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "root": {"level": "DEBUG", "handlers": ["null"]},
}


class _Intercept(logging.Handler):
    """The recipe of loguru's documentation."""

    def emit(self, record: logging.LogRecord) -> None:
        logger.opt(depth=6, exception=record.exc_info).log(record.levelname, record.getMessage())


@pytest.mark.parametrize("name", ["", "shop", "shop.orders"], ids=["root", "parent", "logger"])
def test_a_user_who_intercepts_is_not_doubled(capturing: Telemetry, name: str, messages: Messages) -> None:
    source = logging.getLogger(name)
    handler = _Intercept()
    source.addHandler(handler)
    seen: list[str] = []
    logger.add(lambda message: seen.append(message.record["message"]))
    try:
        logging.getLogger("shop.orders").info("once")
    finally:
        source.removeHandler(handler)

    assert ["once"] == seen == messages(capturing)


def test_what_the_user_does_not_intercept_is_captured(capturing: Telemetry, messages: Messages) -> None:
    source, handler = logging.getLogger("shop"), _Intercept(logging.ERROR)
    source.addHandler(handler)
    try:
        source.info("below")
        logging.getLogger("other").error("elsewhere")
    finally:
        source.removeHandler(handler)

    assert ["below", "elsewhere"] == messages(capturing)


class _Propagate(logging.Handler):
    """Loguru's other recipe, from it to the stdlib."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger(record.name).handle(record)


@pytest.mark.parametrize("enqueue", [False, True])
def test_a_user_who_propagates_makes_no_circle(
    capturing: Telemetry, enqueue: bool, capfd: pytest.CaptureFixture[str], messages: Messages
) -> None:
    handler = logger.add(_Propagate(), format="{message}", enqueue=enqueue)

    logger.info("from loguru")
    logging.getLogger("x").info("from the stdlib")
    logger.complete()
    logger.remove(handler)

    assert ["from loguru", "from the stdlib"] == messages(capturing)
    assert "" == capfd.readouterr().err


def test_a_sink_that_logs_by_the_stdlib_makes_no_circle(capturing: Telemetry, messages: Messages) -> None:
    handler = logger.add(lambda _: logging.getLogger("client").info("sent"))

    logging.getLogger("x").info("hello")
    logger.remove(handler)

    assert ["hello"] == messages(capturing)


def test_a_sink_that_is_a_coroutine_makes_no_circle(capturing: Telemetry, messages: Messages) -> None:
    async def sink(_: object) -> None:
        logging.getLogger("client").info("sent")

    async def main() -> None:
        handler = logger.add(sink)
        logging.getLogger("x").info("hello")
        for _ in range(10):
            await logger.complete()
        logger.remove(handler)

    asyncio.run(main())

    assert ["hello"] == [message for message in messages(capturing) if message in {"hello", "sent"}]


def test_a_main_function_that_loguru_watches_is_captured(capturing: Telemetry, messages: Messages) -> None:
    @logger.catch(reraise=True)
    def main() -> None:
        logging.getLogger("x").info("hello")

    main()

    assert ["hello"] == messages(capturing)


def test_posts_cause_no_posts(capturing: Telemetry, collector: Collector, messages: Messages) -> None:
    """The HTTP library would log each step at DEBUG, on our thread and on the one that flushes."""
    logging.getLogger("x").info("one")
    assert ["one"] == messages(capturing)
    for _ in range(20):
        assert capturing.flush(5.0)

    assert ["one"] == [record["message"] for record in collector.records]
    assert capturing.health().telemetry["logs"]["batches"] == 1


def test_our_own_lines_are_passed_over(capturing: Telemetry, messages: Messages) -> None:
    _runtime.say("a test", "something is wrong")

    assert [] == messages(capturing)


def test_configuring_while_records_are_posted_neither_hangs_nor_loops(
    capturing: Telemetry, shipped: Shipped
) -> None:
    handler = logger.add(_Propagate())  # it asks for loggers, which takes the lock that `dictConfig` holds
    stop, logged = threading.Event(), [0, 0]

    def log(index: int) -> None:
        while not stop.is_set():
            logging.getLogger(f"worker.{index}.{logged[index] % 50}").info("x")
            logged[index] += 1
            stop.wait(0.0002)

    threads = [threading.Thread(target=log, args=(index,), daemon=True) for index in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200):
            logging.config.dictConfig(_DICT_CONFIG)
            capturing._sink.restore()
    finally:
        stop.set()
    for thread in threads:
        thread.join(5)
    logger.remove(handler)

    assert not any(thread.is_alive() for thread in threads)
    assert 0 < len(shipped(capturing)) <= sum(logged)


def test_what_is_logged_while_loguru_makes_its_text_is_captured(
    capturing: Telemetry, messages: Messages
) -> None:
    class Chatty:
        def __str__(self) -> str:
            logging.getLogger("x").error("inside")
            return "chatty"

    def compute() -> str:
        logging.getLogger("x").warning("slow")
        return "five"

    logger.info("{}", Chatty())
    logger.opt(lazy=True).info("{}", compute)
    logger.bind(what=Chatty()).info("bound")

    assert ["inside", "chatty", "slow", "five", "inside", "bound"] == messages(capturing)


def test_a_patcher_that_logs_by_the_stdlib_makes_no_circle(capturing: Telemetry, messages: Messages) -> None:
    logger.patch(lambda _: logging.getLogger("x").info("patched")).info("hello")
    try:
        logger.configure(patcher=lambda _: logging.getLogger("x").info("patched"))
        logger.info("again")
    finally:
        logger.configure(patcher=lambda _: None)

    assert ["patched", "hello", "patched", "again"] == messages(capturing)
