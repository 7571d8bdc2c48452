"""Our handler of the root logger: there while it is wanted, put back when taken away, and once."""

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

MakeTelemetry = Callable[..., Telemetry]
Messages = Callable[[Telemetry], list[object]]

_DICT_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "root": {"level": "DEBUG", "handlers": ["null"]},
}


def test_it_is_off_unless_switched_on(
    make_telemetry: MakeTelemetry, messages: Messages, bridges: Callable[[], int]
) -> None:
    telemetry = make_telemetry(capture_logs=True, task_logs="none")
    telemetry.health()
    logging.getLogger("x").error("x")

    assert [] == messages(telemetry)
    assert 0 == bridges()


def test_it_leaves_with_close(capturing: Telemetry, bridges: Callable[[], int]) -> None:
    assert 1 == bridges()
    capturing.close()

    assert 0 == bridges()


def test_it_leaves_with_the_close_of_the_default_instance(
    settings: dict[str, object], monkeypatch: pytest.MonkeyPatch, bridges: Callable[[], int]
) -> None:
    for name, value in {**settings, "log_capture_stdlib": True}.items():
        monkeypatch.setenv(f"QUEUE_TELEMETRY_{name.upper()}", str(value))
    telemetry = Telemetry.lazy()
    telemetry.health()
    assert 1 == bridges()

    telemetry.close()

    assert 0 == bridges()


def test_a_configuration_switches_it_on_and_off(
    make_telemetry: MakeTelemetry, settings: dict[str, object], bridges: Callable[[], int]
) -> None:
    telemetry = make_telemetry()
    for switched in (True, True, False):
        telemetry.configure(**settings, log_capture_stdlib=switched)
        assert int(switched) == bridges()


def test_it_works_without_a_collector(make_telemetry: MakeTelemetry, bridges: Callable[[], int]) -> None:
    telemetry = make_telemetry(log_url=None, log_capture_stdlib=True)
    telemetry.health()
    seen: list[str] = []
    logger.add(lambda message: seen.append(message.record["message"]))
    logging.getLogger("x").info("hello")

    assert ["hello"] == seen
    assert 0 == telemetry.health().telemetry["logs"].get("accepted", 0)
    telemetry.close()
    assert 0 == bridges()


def test_a_telemetry_that_is_off_captures_nothing(
    make_telemetry: MakeTelemetry, settings: dict[str, object], bridges: Callable[[], int]
) -> None:
    telemetry = make_telemetry(log_capture_stdlib=True)
    telemetry.health()
    assert 1 == bridges()

    telemetry.configure(**settings, log_capture_stdlib=True, enabled=False)

    assert 0 == bridges()


def test_the_level_of_records_is_that_of_what_is_shipped(
    make_telemetry: MakeTelemetry, messages: Messages
) -> None:
    telemetry = make_telemetry(
        capture_logs=True, task_logs="none", log_capture_stdlib=True, log_level="WARNING"
    )
    telemetry.health()
    seen: list[str] = []
    logger.add(lambda message: seen.append(message.record["message"]), level=0)
    logging.getLogger("x").info("below")
    logging.getLogger("x").warning("kept")

    assert ["kept"] == seen == messages(telemetry)


def test_it_goes_behind_a_handler_that_is_added_later(
    capturing: Telemetry, root: logging.Logger, messages: Messages
) -> None:
    order: list[object] = []
    handler = logging.Handler()
    handler.emit = lambda record: order.append(record.getMessage())  # type: ignore[method-assign]  # for a test
    logger.add(lambda message: order.append(message.record["message"] + " in loguru"))
    root.addHandler(handler)
    logging.getLogger("x").info("first")
    logging.getLogger("x").info("second")

    assert ["first", "first in loguru", "second", "second in loguru"] == order
    assert capturing._sink._bridge is root.handlers[-1]
    assert ["first", "second"] == messages(capturing)


def test_it_does_not_wait_for_who_configures_logging(
    capturing: Telemetry, root: logging.Logger, messages: Messages
) -> None:
    root.addHandler(logging.NullHandler())
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with logging._lock:  # type: ignore[attr-defined]  # as `dictConfig` does
            held.set()
            done.wait(5)

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    assert held.wait(5)
    logging.root.info("meanwhile")
    done.set()
    thread.join(5)
    logging.root.info("later")

    assert ["meanwhile", "later"] == messages(capturing)


def test_taken_away_it_comes_back_at_the_next_tick(
    capturing: Telemetry, caplog: pytest.LogCaptureFixture, messages: Messages
) -> None:
    logging.config.dictConfig(_DICT_CONFIG)
    logging.getLogger("x").info("lost")
    logging.getLogger().addHandler(caplog.handler)
    capturing._tick()
    logging.getLogger("x").info("kept")

    assert ["kept"] == messages(capturing)
    assert 1 == capturing.health().telemetry["logs"]["stdlib_removals"]
    assert 1 == len([line for line in caplog.messages if "taken away" in line])


def test_detached_while_it_comes_back_it_stays_out(
    capturing: Telemetry, monkeypatch: pytest.MonkeyPatch, bridges: Callable[[], int]
) -> None:
    bridge = capturing._sink._bridge
    logging.getLogger().handlers.remove(bridge)
    join = bridge._join

    def join_late() -> None:
        bridge.detach()
        join()

    monkeypatch.setattr(bridge, "_join", join_late)
    bridge.restore()

    assert 0 == bridges()


def test_two_telemetries_bring_a_record_once(
    capturing: Telemetry, make_telemetry: MakeTelemetry, collector: Collector
) -> None:
    other = make_telemetry(log_capture_stdlib=True)
    other.health()
    logging.getLogger("x").info("first")
    capturing.configure(log_url=None, state_dir=None)
    seen: list[str] = []
    logger.add(lambda message: seen.append(message.record["message"]))
    logging.getLogger("x").info("second")

    assert ["second"] == seen
    assert ["first"] == [record["message"] for record in collector.records]


def test_two_telemetries_of_different_levels_bring_a_record_once(
    make_telemetry: MakeTelemetry, messages: Messages
) -> None:
    high = make_telemetry(capture_logs=True, task_logs="none", log_capture_stdlib=True, log_level="ERROR")
    high.health()
    other = make_telemetry(log_capture_stdlib=True, log_level="DEBUG", log_url=None)
    other.health()
    seen: list[str] = []
    logger.add(lambda message: seen.append(message.record["message"]), level=0)
    logging.getLogger("x").info("for one")
    logging.getLogger("x").error("for both")

    assert ["for one", "for both"] == seen
    assert ["for both"] == messages(high)


def test_our_own_errors_are_printed_where_only_our_handler_is(
    capturing: Telemetry, capfd: pytest.CaptureFixture[str], leave_only_bridges: Callable[[], None]
) -> None:
    leave_only_bridges()
    _runtime.say("a test", "something is wrong", level=logging.ERROR)

    assert "queue_telemetry: ERROR: something is wrong\n" == capfd.readouterr().err


def test_a_forked_child_goes_on_capturing(run_script: Callable[..., Any], collector: Collector) -> None:
    run_script(
        """
        import logging
        logging.getLogger().setLevel(logging.INFO)
        qt.health()
        logging.getLogger("x").info("parent")
        qt.flush()
        child = os.fork()
        logging.getLogger("x").info("child" if child == 0 else "parent again")
        assert qt.flush()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
        """,
        log_capture_stdlib="true",
    )

    assert ["child", "parent", "parent again"] == sorted(
        str(record["message"]) for record in collector.records
    )
