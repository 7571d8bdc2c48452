"""Our sink among loguru's handlers: there from the first operation on, put back when removed, no trouble to others."""

import logging
import threading
from collections.abc import Callable

import pytest
from loguru import logger

from queue_telemetry.telemetry import Telemetry
from queue_telemetry.testing import Collector, StatsdServer

MakeTelemetry = Callable[..., Telemetry]


@pytest.fixture
def capturing(make_telemetry: MakeTelemetry) -> Telemetry:
    telemetry = make_telemetry(capture_logs=True, task_logs="none")
    telemetry.health()
    return telemetry


def _messages(collector: Collector) -> list[object]:
    return [record["message"] for record in collector.records]


def test_there_is_no_handler_before_the_first_operation(make_telemetry: MakeTelemetry) -> None:
    telemetry = make_telemetry(capture_logs=True)
    logger.info("early")

    assert {} == logger._core.handlers  # type: ignore[attr-defined] # loguru has no public list
    assert 0 == telemetry.health().telemetry["logs"]["accepted"]


def test_without_a_collector_there_is_no_handler(make_telemetry: MakeTelemetry) -> None:
    make_telemetry(log_url=None).health()

    assert {} == logger._core.handlers  # type: ignore[attr-defined] # the same


def test_taken_away_it_comes_back_at_the_next_tick(
    capturing: Telemetry, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "queue_telemetry")
    assert capturing._sink._sink is not None
    capturing._sink._sink.on_removed = lambda: None  # the ticker would be as fast as the next line
    for number in range(3):
        logger.remove()
        logger.info("lost {}", number)
        capturing._tick()
        logger.info("kept {}", number)
    capturing.flush()

    assert ["kept 0", "kept 1", "kept 2"] == _messages(collector)
    assert 3 == capturing.health().telemetry["logs"]["sink_removals"]
    assert 1 == len([line for line in caplog.messages if "logger.remove()" in line])


def test_the_ticker_puts_it_back_at_once(
    make_telemetry: MakeTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_telemetry.telemetry._process_life._TICK_S", 3600.0)
    capturing = make_telemetry(capture_logs=True, task_logs="none")
    capturing.health()
    back = threading.Event()
    restore = capturing._sink.restore

    def restore_and_tell() -> None:
        restore()
        if capturing._sink.removals:
            back.set()

    capturing._sink.restore = restore_and_tell  # type: ignore[method-assign] # to hear of it

    logger.remove()

    assert back.wait(5)


def test_the_users_own_handlers_are_left_alone(capturing: Telemetry, settings: dict[str, object]) -> None:
    heard: list[str] = []
    logger.add(lambda message: heard.append(message.record["message"]), level="DEBUG")

    logger.debug("one")
    capturing.configure(**settings)
    logger.debug("two")
    capturing._tick()
    logger.debug("three")
    capturing.close()
    logger.debug("four")

    assert ["one", "two", "three", "four"] == heard


def test_a_users_handler_that_fails_does_not_keep_the_record_from_us(
    capturing: Telemetry, collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> None:
        raise ValueError("the user's own")

    logger.add(broken, catch=True)
    logger.info("kept")
    capturing.flush()

    assert ["kept"] == _messages(collector)


def test_after_close_an_instance_has_no_handler(capturing: Telemetry) -> None:
    capturing.close()

    assert {} == logger._core.handlers  # type: ignore[attr-defined] # the same


def test_a_sink_that_is_closed_while_it_is_put_back_stays_out(capturing: Telemetry) -> None:
    """The ticker attaches it just when another thread uninstalls it."""
    keeper = capturing._sink
    sink = keeper._sink
    assert sink is not None
    attach = sink.attach

    def attach_late(*args: object) -> int:
        keeper.uninstall()
        return attach(*args)  # type: ignore[arg-type] # what the keeper passes

    sink.attach = attach_late  # type: ignore[method-assign, assignment] # to meet the moment
    logger.remove()
    keeper.restore()

    assert {} == logger._core.handlers  # type: ignore[attr-defined] # the same


def test_a_configuration_that_keeps_the_shape_keeps_the_handler(
    capturing: Telemetry, settings: dict[str, object]
) -> None:
    """No record falls between two handlers."""
    before = list(logger._core.handlers)  # type: ignore[attr-defined] # the same

    capturing.configure(**{**settings, "log_linger_s": 0.5})

    assert before == list(logger._core.handlers)  # type: ignore[attr-defined] # the same


def test_a_configuration_may_change_level_and_constants(
    capturing: Telemetry, collector: Collector, settings: dict[str, object]
) -> None:
    logger.debug("below")
    capturing.configure(**settings, log_level="DEBUG", service="billing")
    logger.debug("above")
    capturing.flush()

    assert [("above", "billing")] == [(record["message"], record["service"]) for record in collector.records]


def test_a_configuration_without_collector_takes_the_handler_out(
    capturing: Telemetry, settings: dict[str, object]
) -> None:
    capturing.configure(**{**settings, "log_url": None})

    assert {} == logger._core.handlers  # type: ignore[attr-defined] # the same


def test_handlers_that_come_and_go_beside_busy_threads_harm_nothing(
    capturing: Telemetry, collector: Collector
) -> None:
    stop, failures, logged = threading.Event(), list[BaseException](), [0, 0]

    def log(index: int) -> None:
        try:
            while not stop.is_set():
                logger.info("{}", index)
                logged[index] += 1
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=log, args=(index,), daemon=True) for index in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(50):
            logger.remove(logger.add(lambda _: None))
            logger.remove()
            capturing._sink.restore()
    finally:
        stop.set()
    for thread in threads:
        thread.join(5)
    assert capturing.flush(5.0)

    logs = capturing.health().telemetry["logs"]
    assert [] == failures
    assert logs["accepted"] == logs["delivered"] == len(collector.records) <= sum(logged)


def test_constant_tags_take_no_reserved_key_s_place(
    capturing: Telemetry, collector: Collector, settings: dict[str, object]
) -> None:
    tags = {
        "level": "gold",
        "message": "x",
        "extra_level": "mine",
        "host": "web",
        "queue": "q",
        "team": "core",
    }
    capturing.configure(**{**settings, "tags": tags})
    logger.info("hello")
    capturing.flush()

    (record,) = collector.records
    assert ("INFO", "hello", "core", "mine") == tuple(
        record[key] for key in ("level", "message", "team", "extra_level")
    )
    assert ("gold", "x", "web", "q") == tuple(
        record[key] for key in ("extra_extra_level", "extra_message", "extra_host", "extra_queue")
    )
    assert "queue" not in record


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tags": {"service": "billing", "env": "dev"}}, {"service": "billing", "env": "dev"}),
        (
            {"tags": {"service": "billing", "env": "dev"}, "env": "prod"},
            {"service": "billing", "env": "prod"},
        ),
    ],
    ids=["tags alone", "a setting wins"],
)
def test_records_and_metrics_bear_the_same_constants(
    make_telemetry: MakeTelemetry,
    collector: Collector,
    statsd: StatsdServer,
    changes: dict[str, object],
    expected: dict[str, str],
) -> None:
    telemetry = make_telemetry(capture_logs=True, task_logs="none", **changes)
    telemetry.counter("mails").increment()
    logger.info("hello")
    telemetry.flush()

    (record,) = collector.records
    assert expected == {key: record[key] for key in expected}
    assert statsd.wait_until(lambda: statsd.counter("mails", **expected) == 1)
