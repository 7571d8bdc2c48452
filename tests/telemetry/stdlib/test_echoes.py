"""What a queue brings back from loguru ends there, and nothing else is taken for that."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from logging.handlers import QueueHandler, QueueListener
from typing import Any

import pytest
from loguru import logger

from queue_telemetry.telemetry import Telemetry

Messages = Callable[[Telemetry], list[object]]


class _Back(logging.Handler):
    """Hands what a queue brings to a logger."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger("back").handle(record)


class _BackByCall(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger("back").info(record.getMessage())


@pytest.fixture
def around() -> Iterator[Callable[..., None]]:
    """Have loguru's records go by a queue to a handler; what is on its way is waited for at the end."""
    opened: list[tuple[int, QueueListener]] = []

    def send(handler: logging.Handler, *, by_hand: bool = False, text: str = "{message}") -> None:
        channel: queue.Queue[logging.LogRecord] = queue.Queue(1_000)

        def put(message: Any) -> None:
            channel.put(logging.LogRecord("a", 20, "f", 1, message.record["message"], (), None))

        listener = QueueListener(channel, handler)
        listener.start()
        sink = put if by_hand else QueueHandler(channel)
        opened.append((logger.add(sink, format=text, level=0), listener))

    yield send
    for handler_id, listener in opened:
        logger.remove(handler_id)
        listener.stop()


def _circled(telemetry: Telemetry) -> bool:
    deadline_s = time.monotonic() + 5
    while (
        not (echoes := telemetry.health().telemetry["logs"]["stdlib_echoes"])
        and time.monotonic() < deadline_s
    ):
        threading.Event().wait(0.002)
    return bool(echoes)


@pytest.mark.parametrize("by_loguru", [True, False])
@pytest.mark.parametrize("back", [_Back(), _BackByCall()], ids=lambda back: type(back).__name__)
def test_a_record_that_a_queue_brings_back_ends_there(
    capturing: Telemetry,
    around: Callable[..., None],
    messages: Messages,
    back: logging.Handler,
    by_loguru: bool,
) -> None:
    around(back, by_hand=True)
    if by_loguru:
        logger.info("once")
    else:
        logging.getLogger("x").info("once")

    assert _circled(capturing)
    assert ["once"] == messages(capturing)


def test_loguru_s_own_records_for_the_stdlib_are_known_whatever_their_text(
    capturing: Telemetry, around: Callable[..., None], messages: Messages
) -> None:
    around(_Back(), text="{time} {message}")
    logging.getLogger("x").info("once")

    assert _circled(capturing)
    assert ["once"] == messages(capturing)


def test_a_circle_ends_also_right_after_all_handlers_were_removed(
    capturing: Telemetry, around: Callable[..., None]
) -> None:
    logger.remove()
    seen: list[str] = []
    logger.add(lambda message: seen.append(message.record["message"]))
    around(_Back(), by_hand=True)
    logging.getLogger("x").info("once")

    assert _circled(capturing)
    assert ["once"] == seen


def test_equal_records_of_other_processes_are_all_kept(capturing: Telemetry, messages: Messages) -> None:
    for process in (7, 8):
        record = logging.makeLogRecord({"msg": "started", "name": "x", "levelno": 20, "process": process})
        logging.getLogger("x").handle(record)

    assert ["started"] * 2 == messages(capturing)


def test_equal_records_of_threads_are_all_kept(capturing: Telemetry, messages: Messages) -> None:
    threads = [threading.Thread(target=logging.getLogger("x").info, args=("started",)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert ["started"] * 5 == messages(capturing)
