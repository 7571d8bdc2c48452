"""`capture()` keeps what the code under test records, and sends none of it."""

import socket
import threading
from collections.abc import Iterator

import pytest
from loguru import logger

from queue_telemetry import ConfigurationError, Telemetry
from queue_telemetry.testing import Collector, StatsdServer, capture


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    telemetry = Telemetry(statsd_port=9, state_dir=None)
    yield telemetry
    telemetry.close(0.1)


def test_counts_of_a_handler_are_there_at_once(telemetry: Telemetry) -> None:
    @telemetry.task("greet", queue="mail")
    def greet() -> str:
        return "hello"

    with capture(telemetry) as captured:
        greet()
        greet()

        assert 2 == captured.counter("queue.tasks.completed", type="greet", queue="mail")
    assert 2 == len(captured.timings("queue.task.duration", outcome="completed"))


def test_records_are_there_with_their_fields(telemetry: Telemetry) -> None:
    @telemetry.task("greet", task_id="name")
    def greet(name: str) -> None:
        logger.info("hello {}", name)

    with capture(telemetry) as captured:
        greet("ann")

    assert ["task_claimed", None, "task_completed"] == [record.get("event") for record in captured.records]
    assert {"ann"} == {record["task_id"] for record in captured.records}
    assert "hello ann" == captured.records[1]["message"]


def test_task_logs_decides_which_lifecycle_records_there_are(telemetry: Telemetry) -> None:
    @telemetry.task
    def nothing() -> None: ...

    with capture(telemetry, task_logs="none") as captured:
        nothing()

    assert [] == captured.records
    assert 1 == captured.counter("queue.tasks.started", type="nothing")


def test_gauges_have_their_last_value(telemetry: Telemetry) -> None:
    with capture(telemetry) as captured:
        telemetry.queue_size("mail").set(3)
        telemetry.queue_size("mail").set(4)
        telemetry.queue_size("other").set(5)

    assert 4 == captured.gauge("queue.size", queue="mail")
    assert captured.gauge("queue.size", queue="unknown") is None
    with pytest.raises(LookupError):
        captured.gauge("queue.size")


def test_health_inside_starts_from_nothing(telemetry: Telemetry) -> None:
    @telemetry.task
    def work() -> None: ...

    with capture(telemetry):
        work()
    with capture(telemetry):
        work()

        assert 1 == telemetry.health().completed_1h


def test_starts_no_thread_and_opens_no_socket(telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket or a thread inside capture()")

    with monkeypatch.context() as patch:
        patch.setattr(socket, "socket", refuse)
        patch.setattr(threading.Thread, "start", refuse)
        with capture(telemetry) as captured:
            telemetry.counter("sent").increment(3)

    assert 3 == captured.counter("sent")


def test_nothing_from_inside_is_sent_and_what_was_before_is() -> None:
    with StatsdServer() as server, Collector() as collector:
        telemetry = Telemetry(
            statsd_host=server.host,
            statsd_port=server.port,
            log_url=collector.url,
            capture_logs=True,
            task_logs="none",
        )
        telemetry.counter("before").increment()
        logger.info("outside")
        with capture(telemetry) as captured:
            telemetry.counter("inside").increment()
            logger.info("inside")
        telemetry.counter("after").increment()
        assert telemetry.close()

        assert (1, 0, 1) == (server.counter("before"), server.counter("inside"), server.counter("after"))
        assert ["inside"] == [record["message"] for record in captured.records]


def test_the_sink_of_before_is_back_afterwards() -> None:
    with StatsdServer() as server, Collector() as collector:
        telemetry = Telemetry(
            statsd_host=server.host,
            statsd_port=server.port,
            log_url=collector.url,
            capture_logs=True,
            task_logs="none",
        )
        telemetry.counter("first").increment()
        with capture(telemetry):
            pass
        logger.warning("after")
        assert telemetry.close()

        assert ["after"] == [record["message"] for record in collector.records]


def test_configure_and_close_inside_change_nothing(telemetry: Telemetry) -> None:
    with StatsdServer() as server:
        with capture(telemetry) as captured:
            telemetry.configure(statsd_host=server.host, statsd_port=server.port)
            telemetry.counter("inside").increment()
            assert telemetry.close()
            telemetry.counter("inside").increment()

            assert 2 == captured.counter("inside")
        assert [] == server.names

    assert telemetry.health().status == "healthy"


def test_configure_inside_still_refuses_what_is_wrong(telemetry: Telemetry) -> None:
    with capture(telemetry), pytest.raises(ConfigurationError):
        telemetry.configure(statsd_port=0)


def test_after_a_failing_block_what_was_captured_can_be_asked(telemetry: Telemetry) -> None:
    with pytest.raises(RuntimeError, match="the test"), capture(telemetry) as captured:
        telemetry.counter("inside").increment()
        raise RuntimeError("the test")
    telemetry.counter("inside").increment()

    assert 1 == captured.counter("inside")


def test_threads_may_ask_while_others_record(telemetry: Telemetry) -> None:
    def record(number: int) -> None:
        for step in range(200):
            telemetry.counter("made", by=f"{number}-{step}").increment()
            telemetry.health()

    with capture(telemetry) as captured:
        threads = [threading.Thread(target=record, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            captured.counter("made")
        for thread in threads:
            thread.join()

        assert 800 == captured.counter("made")
