"""Whatever way a handler brings a record to loguru, it is there once; and handlers that bring none are no interceptors."""

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from loguru import logger

from queue_telemetry.telemetry import Telemetry

MakeTelemetry = Callable[..., Telemetry]
Messages = Callable[[Telemetry], list[object]]


def write(record: logging.LogRecord) -> None:
    logger.log(record.levelname, record.getMessage())


class ByGlobal(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        write(record)


class ByImport(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        from loguru import logger as late

        late.info(record.getMessage())


class ByHandle(logging.Handler):
    def handle(self, record: logging.LogRecord) -> bool:
        write(record)
        return True


class ByCallback(logging.Handler):
    def __init__(self, callback: Callable[[logging.LogRecord], object]) -> None:
        super().__init__()
        self.callback = callback

    def emit(self, record: logging.LogRecord) -> None:
        self.callback(record)


class _Forwards(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        self.forward(record)

    def forward(self, record: logging.LogRecord) -> None:
        raise NotImplementedError


class _ForwardsToLoguru(_Forwards):
    def forward(self, record: logging.LogRecord) -> None:
        write(record)


class ByGrandparent(_ForwardsToLoguru):
    pass


class ByPartialMethod(logging.Handler):
    emit = functools.partialmethod(lambda _self, record: write(record))


class WithMore(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        logger.warning("{} says: {}", record.name, record.getMessage())


def by_instance() -> logging.Handler:
    handler = logging.Handler()
    handler.emit = write  # type: ignore[method-assign]  # what is shown
    return handler


@pytest.fixture
def add(root: logging.Logger) -> Callable[[logging.Handler], None]:
    """Add a handler behind ours, until the end of the test."""
    return root.addHandler


@pytest.fixture
def seen(capturing: Telemetry) -> Iterator[list[Any]]:
    """What a sink of the user's gets: records."""
    records: list[Any] = []
    handler = logger.add(lambda message: records.append(message.record), level=0)
    yield records
    logger.remove(handler)


@pytest.mark.parametrize(
    "handler",
    [
        ByGlobal(),
        ByImport(),
        ByHandle(),
        ByCallback(write),
        ByCallback(functools.partial(write)),
        ByGrandparent(),
        ByPartialMethod(),
        WithMore(),
        by_instance(),
    ],
    ids=lambda handler: type(handler).__name__,
)
def test_what_a_handler_brings_comes_once(
    seen: list[Any], add: Callable[[logging.Handler], None], handler: logging.Handler
) -> None:
    add(handler)
    for number in range(3):
        logging.getLogger("x").info("hello %d", number)

    assert [0, 1, 2] == [int(record["message"][-1]) for record in seen]


def test_what_its_filter_keeps_back_is_captured(
    capturing: Telemetry, add: Callable[[logging.Handler], None], messages: Messages
) -> None:
    handler = ByGlobal()
    handler.addFilter(lambda record: record.name.startswith("shop"))
    add(handler)

    logging.getLogger("shop").info("brought")
    logging.getLogger("celery").info("kept back")

    assert ["brought", "kept back"] == messages(capturing)


def test_a_handler_that_fails_to_bring_a_record_does_not_lose_it(
    capturing: Telemetry, messages: Messages, add: Callable[[logging.Handler], None]
) -> None:
    def complain(_: logging.LogRecord) -> None:
        logger.warning("syslog is gone")

    add(ByCallback(complain))
    logging.getLogger("x").warning("hello")

    assert ["syslog is gone", "hello"] == messages(capturing)


def test_a_handler_that_could_bring_it_and_does_not_keeps_nothing_back(
    capturing: Telemetry, messages: Messages, add: Callable[[logging.Handler], None]
) -> None:
    def bring_errors(record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            write(record)

    add(ByCallback(bring_errors))
    logging.getLogger("x").warning("hello")

    assert ["hello"] == messages(capturing)


def test_what_is_logged_while_a_record_is_brought_does_not_double_it(
    seen: list[Any], add: Callable[[logging.Handler], None]
) -> None:
    def bring_and_tell(record: logging.LogRecord) -> None:
        write(record)
        if record.name == "outer":
            logging.getLogger("inner").info("and this")

    add(ByCallback(bring_and_tell))
    logging.getLogger("outer").info("hello")

    assert ["hello", "and this"] == [record["message"] for record in seen]


class Lazy:
    """As a proxy outside of its request: not even its class can be asked for."""

    @property
    def __class__(self) -> Any:
        raise RuntimeError("unbound")

    @__class__.setter
    def __class__(self, value: Any) -> None:
        raise NotImplementedError


lazy = Lazy()


def test_nothing_of_a_handler_is_asked_for(
    capturing: Telemetry, messages: Messages, add: Callable[[logging.Handler], None]
) -> None:
    def name_lazy(record: logging.LogRecord) -> None:
        record.lazy = type(lazy).__name__

    handler = ByCallback(name_lazy)
    handler.lazy = lazy  # type: ignore[attr-defined]  # any attribute may be
    add(handler)
    logging.getLogger("x").info("hello")

    assert ["hello"] == messages(capturing)


def test_arguments_that_raise_are_no_fault_of_the_application(
    capturing: Telemetry, messages: Messages, leave_only_bridges: Callable[[], None], root: logging.Logger
) -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    leave_only_bridges()
    root.addHandler(ByCallback(lambda _: logger.info("elsewhere")))
    logging.getLogger("x").info(Unprintable())

    assert ["elsewhere", "<unprintable Unprintable>"] == messages(capturing)
    assert 2 == capturing.health().telemetry["logs"]["faults"], "neither record could be compared"


def test_the_same_text_in_loguru_before_is_another_record(capturing: Telemetry, messages: Messages) -> None:
    logger.info("hello")
    logging.getLogger("x").info("hello")
    logging.getLogger("x").info("hello")

    assert ["hello"] * 3 == messages(capturing)


def test_a_handler_that_is_added_while_threads_log_doubles_nothing(
    capturing: Telemetry, seen: list[Any], root: logging.Logger
) -> None:
    stop, logged = threading.Event(), [0, 0]

    def log(index: int) -> None:
        while not stop.is_set():
            logging.getLogger("x").info("%d %d", index, logged[index])
            logged[index] += 1

    threads = [threading.Thread(target=log, args=(index,), daemon=True) for index in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        before = sum(logged)
        handler = logging.NullHandler()
        root.addHandler(handler)
        while sum(logged) < before + 10 and any(thread.is_alive() for thread in threads):
            stop.wait(0.0005)
        root.removeHandler(handler)
    stop.set()
    for thread in threads:
        thread.join(5)

    texts = [record["message"] for record in seen]
    assert sum(logged) == len(texts) == len({*texts})
    assert 1 == root.handlers.count(capturing._sink._bridge)
