"""Which handlers are known to bring records to loguru."""

import logging
from typing import Any

import loguru
import pytest
from loguru import logger
from loguru import logger as under_another_name

from queue_telemetry.telemetry._interceptors import intercepts

records: list[logging.LogRecord] = []


def forward(record: logging.LogRecord) -> None:
    logger.log(record.levelname, record.getMessage())


class ByGlobal(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        under_another_name.info(record.getMessage())


class ByModule(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        loguru.logger.info(record.getMessage())


class ByImport(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        from loguru import logger as late

        late.info(record.getMessage())


class ByFunction(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        forward(record)


class ByMethod(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        self._forward(record)

    def _forward(self, record: logging.LogRecord) -> None:
        logger.info(record.getMessage())


class ByAttribute(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.target: Any = logger.bind(a=1)

    def emit(self, record: logging.LogRecord) -> None:
        self.target.info(record.getMessage())


class ByHandle(logging.Handler):
    def handle(self, record: logging.LogRecord) -> bool:
        logger.info(record.getMessage())
        return True


class Inherited(ByGlobal):
    pass


def by_closure() -> logging.Handler:
    target = logger.bind(a=1)

    class ByClosure(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            target.info(record.getMessage())

    return ByClosure()


def by_inner_function() -> logging.Handler:
    class ByInnerFunction(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            def write() -> None:
                logger.info(record.getMessage())

            write()

    return ByInnerFunction()


@pytest.mark.parametrize(
    "handler",
    [
        ByGlobal(),
        ByModule(),
        ByImport(),
        ByFunction(),
        ByMethod(),
        ByAttribute(),
        ByHandle(),
        Inherited(),
        by_closure(),
        by_inner_function(),
    ],
    ids=lambda handler: type(handler).__name__,
)
def test_it_intercepts(handler: logging.Handler) -> None:
    assert intercepts(handler)


class Keeps(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        records.append(record)


class CallsItself(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        self.emit(record)


class NoFunction(logging.Handler):
    emit = records.append  # type: ignore[assignment]


@pytest.mark.parametrize(
    "handler",
    [Keeps(), CallsItself(), NoFunction(), logging.NullHandler(), logging.StreamHandler(), logging.Handler()],
    ids=lambda handler: type(handler).__name__,
)
def test_it_does_not(handler: logging.Handler) -> None:
    assert not intercepts(handler)
