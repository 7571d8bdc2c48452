"""The stdlib's records in loguru: with all that they say, each once, and none in a circle."""

import json
import logging
import logging.config
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from loguru import logger

from queue_telemetry import _runtime
from queue_telemetry.telemetry import Telemetry
from queue_telemetry.telemetry._stdlib import StdlibBridge
from queue_telemetry.testing import Collector

MakeTelemetry = Callable[..., Telemetry]

pytestmark = pytest.mark.usefixtures("silent_loguru")

_DICT_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"null": {"class": "logging.NullHandler"}},
    "root": {"level": "DEBUG", "handlers": ["null"]},
}


@pytest.fixture(autouse=True)
def root() -> Iterator[logging.Logger]:
    """The root logger at DEBUG; as it was before at the end."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    root.setLevel(logging.DEBUG)
    yield root
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture
def capturing(make_telemetry: MakeTelemetry) -> Telemetry:
    telemetry = make_telemetry(
        capture_logs=True, task_logs="none", log_capture_stdlib=True, log_level="DEBUG"
    )
    telemetry.health()
    return telemetry


def _shipped(telemetry: Telemetry, collector: Collector) -> list[dict[str, Any]]:
    assert telemetry.flush(5.0)
    return collector.records


def _messages(telemetry: Telemetry, collector: Collector) -> list[object]:
    return [record["message"] for record in _shipped(telemetry, collector)]


def _leave_only_bridges(root: logging.Logger) -> None:
    root.handlers[:] = [handler for handler in root.handlers if isinstance(handler, StdlibBridge)]


def _bridges() -> int:
    return sum(isinstance(handler, StdlibBridge) for handler in logging.getLogger().handlers)


def test_a_record_says_where_it_came_from(capturing: Telemetry, collector: Collector) -> None:
    source = logging.getLogger("shop.orders")

    def place_order() -> None:
        source.warning("order %d of %s {}", 7, "bob", extra={"order": 7})

    place_order()

    (record,) = _shipped(capturing, collector)
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
    assert ("test_stdlib.py", __file__, "test_stdlib") == (
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
    capturing: Telemetry, collector: Collector, monkeypatch: pytest.MonkeyPatch, number: int, name: str
) -> None:
    if number == 25:
        monkeypatch.setitem(logging._levelToName, 25, "SUCCESS")  # as `addLevelName`, undone at the end

    logging.getLogger("x").log(number, "x")

    assert [name] == [record["level"] for record in _shipped(capturing, collector)]


def test_an_exception_comes_along(capturing: Telemetry, collector: Collector) -> None:
    try:
        raise ValueError("bad")
    except ValueError:
        logging.getLogger("x").exception("failed")

    (record,) = _shipped(capturing, collector)
    assert ("ValueError", "bad") == (record["error"]["type"], record["error"]["message"])
    assert "in test_an_exception_comes_along" in record["error"]["stack"]


def test_exception_information_without_an_exception_brings_none(
    capturing: Telemetry, collector: Collector
) -> None:
    logging.getLogger("x").error("failed", exc_info=True)  # noqa: LOG014 - what is shown

    (record,) = _shipped(capturing, collector)
    assert "error" not in record


def test_a_stack_that_was_asked_for_comes_along(capturing: Telemetry, collector: Collector) -> None:
    logging.getLogger("x").info("here", stack_info=True)

    assert "in test_a_stack_that_was" in _shipped(capturing, collector)[0]["stack_info"]


def test_arguments_that_do_not_fit_leave_the_message(
    capturing: Telemetry, collector: Collector, root: logging.Logger
) -> None:
    _leave_only_bridges(root)
    logging.getLogger("x").info("%d of %d", "many")  # noqa: PLE1206 - what is shown

    assert ["%d of %d"] == _messages(capturing, collector)


def test_a_message_that_cannot_be_written_is_named(
    capturing: Telemetry, collector: Collector, root: logging.Logger
) -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise RuntimeError("no")

    _leave_only_bridges(root)
    logging.getLogger("x").info(Unprintable())

    assert ["<unprintable Unprintable>"] == _messages(capturing, collector)


def test_a_record_of_a_queue_s_listener_is_of_its_own_thread(
    capturing: Telemetry, collector: Collector
) -> None:
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

    (shipped,) = _shipped(capturing, collector)
    assert ("worker-7", "2023-11-14T22:13:20.250000Z") == (shipped["thread"], shipped["timestamp"])


def test_what_loguru_was_told_to_ignore_is_ignored(capturing: Telemetry, collector: Collector) -> None:
    logger.disable(__name__)
    try:
        logging.getLogger("x").info("ignored")
    finally:
        logger.enable(__name__)
    logging.getLogger("x").info("kept")

    assert ["kept"] == _messages(capturing, collector)


def test_it_is_off_unless_switched_on(make_telemetry: MakeTelemetry, collector: Collector) -> None:
    telemetry = make_telemetry(capture_logs=True, task_logs="none")
    telemetry.health()
    logging.getLogger("x").error("x")

    assert [] == _messages(telemetry, collector)
    assert 0 == _bridges()


def test_it_leaves_with_close(capturing: Telemetry) -> None:
    assert 1 == _bridges()
    capturing.close()

    assert 0 == _bridges()


def test_it_leaves_with_the_close_of_the_default_instance(
    settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**settings, "log_capture_stdlib": True}.items():
        monkeypatch.setenv(f"QUEUE_TELEMETRY_{name.upper()}", str(value))
    telemetry = Telemetry.lazy()
    telemetry.health()
    assert 1 == _bridges()

    telemetry.close()

    assert 0 == _bridges()


def test_a_configuration_switches_it_on_and_off(
    make_telemetry: MakeTelemetry, settings: dict[str, object]
) -> None:
    telemetry = make_telemetry()
    for switched in (True, True, False):
        telemetry.configure(**settings, log_capture_stdlib=switched)
        assert int(switched) == _bridges()


def test_taken_away_it_comes_back_at_the_next_tick(
    capturing: Telemetry, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    logging.config.dictConfig(_DICT_CONFIG)
    logging.getLogger("x").info("lost")
    logging.getLogger().addHandler(caplog.handler)
    capturing._tick()
    logging.getLogger("x").info("kept")

    assert ["kept"] == _messages(capturing, collector)
    assert 1 == capturing.health().telemetry["logs"]["stdlib_removals"]
    assert 1 == len([line for line in caplog.messages if "taken away" in line])


def test_detached_while_it_comes_back_it_stays_out(
    capturing: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    bridge = capturing._sink._bridge
    logging.getLogger().handlers.remove(bridge)
    join = bridge._join

    def join_late() -> None:
        bridge.detach()
        join()

    monkeypatch.setattr(bridge, "_join", join_late)
    bridge.restore()

    assert 0 == _bridges()


class _Intercept(logging.Handler):
    """The recipe of loguru's documentation."""

    def emit(self, record: logging.LogRecord) -> None:
        logger.opt(depth=6, exception=record.exc_info).log(record.levelname, record.getMessage())


@pytest.mark.parametrize("name", ["", "shop", "shop.orders"], ids=["root", "parent", "logger"])
def test_a_user_who_intercepts_is_not_doubled(capturing: Telemetry, collector: Collector, name: str) -> None:
    source = logging.getLogger(name)
    handler = _Intercept()
    source.addHandler(handler)
    seen: list[str] = []
    logger.add(lambda message: seen.append(message.record["message"]))
    try:
        logging.getLogger("shop.orders").info("once")
    finally:
        source.removeHandler(handler)

    assert ["once"] == seen == _messages(capturing, collector)


def test_what_the_user_does_not_intercept_is_captured(capturing: Telemetry, collector: Collector) -> None:
    source, handler = logging.getLogger("shop"), _Intercept(logging.ERROR)
    source.addHandler(handler)
    try:
        source.info("below")
        logging.getLogger("other").error("elsewhere")
    finally:
        source.removeHandler(handler)

    assert ["below", "elsewhere"] == _messages(capturing, collector)


class _Propagate(logging.Handler):
    """Loguru's other recipe, from it to the stdlib."""

    def emit(self, record: logging.LogRecord) -> None:
        logging.getLogger(record.name).handle(record)


@pytest.mark.parametrize("enqueue", [False, True])
def test_a_user_who_propagates_makes_no_circle(
    capturing: Telemetry, collector: Collector, enqueue: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    handler = logger.add(_Propagate(), format="{message}", enqueue=enqueue)

    logger.info("from loguru")
    logging.getLogger("x").info("from the stdlib")
    logger.complete()
    logger.remove(handler)

    assert ["from loguru", "from the stdlib"] == _messages(capturing, collector)
    assert "" == capfd.readouterr().err


def test_a_sink_that_logs_by_the_stdlib_makes_no_circle(capturing: Telemetry, collector: Collector) -> None:
    handler = logger.add(lambda _: logging.getLogger("client").info("sent"))

    logging.getLogger("x").info("hello")
    logger.remove(handler)

    assert ["hello"] == _messages(capturing, collector)


def test_a_main_function_that_loguru_watches_is_captured(capturing: Telemetry, collector: Collector) -> None:
    @logger.catch(reraise=True)
    def main() -> None:
        logging.getLogger("x").info("hello")

    main()

    assert ["hello"] == _messages(capturing, collector)


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


def test_posts_cause_no_posts(capturing: Telemetry, collector: Collector) -> None:
    """The HTTP library logs each step at DEBUG, on our thread and on the one that flushes."""
    logging.getLogger("x").info("one")
    assert ["one"] == _messages(capturing, collector)
    for _ in range(20):
        assert capturing.flush(5.0)

    assert ["one"] == [record["message"] for record in collector.records]
    assert capturing.health().telemetry["logs"]["batches"] == 1
    assert 0 != capturing.health().telemetry["logs"]["self_logs"], "the HTTP library did log"


def test_our_own_lines_are_passed_over(capturing: Telemetry, collector: Collector) -> None:
    _runtime.say("a test", "something is wrong")

    assert [] == _messages(capturing, collector)


def test_our_own_errors_are_printed_where_only_our_handler_is(
    capturing: Telemetry, root: logging.Logger, capfd: pytest.CaptureFixture[str]
) -> None:
    _leave_only_bridges(root)
    _runtime.say("a test", "something is wrong", level=logging.ERROR)

    assert "queue_telemetry: ERROR: something is wrong\n" == capfd.readouterr().err


def test_a_sink_of_the_user_that_raises_ends_nothing(
    capturing: Telemetry, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> None:
        raise ValueError("the user's own")

    logger.add(broken, catch=False)
    logging.getLogger("x").info("kept")

    assert ["kept"] == _messages(capturing, collector)
    assert 1 == len([line for line in caplog.messages if "was not passed on: ValueError" in line])


def test_configuring_while_records_are_posted_neither_hangs_nor_loops(
    capturing: Telemetry, collector: Collector
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
    assert 0 < len(_shipped(capturing, collector)) <= sum(logged)


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


def test_records_are_valid_json_whatever_came_along(capturing: Telemetry, collector: Collector) -> None:
    logging.getLogger("x").info("token=%s", "S3CRET", extra={"password": "S3CRET", "odd": {(1, 2): object()}})

    (record,) = _shipped(capturing, collector)
    assert "S3CRET" not in json.dumps(record)
