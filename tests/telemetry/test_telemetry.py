"""One telemetry in one process: first event, configuration, flush, close."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from loguru import logger

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.telemetry import Telemetry
from queue_telemetry.testing import Collector, StatsdServer

MakeTelemetry = Callable[..., Telemetry]


def _threads_of_ours() -> set[str]:
    receivers = {
        "queue_telemetry-statsd-server",
        "queue_telemetry-http-server",
        "queue_telemetry-http-connection",
    }
    return {t.name for t in threading.enumerate() if t.name.startswith("queue_telemetry")} - receivers


def _messages(collector: Collector) -> list[object]:
    return [record["message"] for record in collector.records]


def _statsd_stats(telemetry: Telemetry) -> dict[str, object]:
    return dict(telemetry.health().telemetry["statsd"])


def test_no_thread_runs_before_the_first_event(telemetry: Telemetry) -> None:
    telemetry.counter("mails")

    assert set() == _threads_of_ours()


def test_the_first_event_starts_the_threads(telemetry: Telemetry) -> None:
    telemetry.counter("mails").increment()

    assert {"queue_telemetry-ticker", "queue_telemetry-statsd"} == _threads_of_ours()


def test_the_first_event_is_counted(telemetry: Telemetry, statsd: StatsdServer) -> None:
    telemetry.counter("mails").increment()
    telemetry.flush()

    assert statsd.wait_until(lambda: statsd.counter("mails") == 1)


def test_first_events_of_many_threads_are_all_counted(telemetry: Telemetry, statsd: StatsdServer) -> None:
    together = threading.Barrier(8)

    def record() -> None:
        counter = telemetry.counter("mails")
        together.wait(5)
        for _ in range(100):
            counter.increment()

    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    telemetry.flush()

    assert statsd.wait_until(lambda: statsd.counter("mails") == 800)


def test_a_session_arrives_whole_and_only_in_lines_that_servers_take(
    telemetry: Telemetry, statsd: StatsdServer, collector: Collector
) -> None:
    @telemetry.task("cleanup", queue="maintenance")
    def cleanup() -> None:
        logger.info("inside")

    with telemetry.worker("w1", slots=2):
        for _ in range(3):
            cleanup()
        assert telemetry.flush()
        assert statsd.wait_until(lambda: statsd.counter("queue.tasks.completed", type="cleanup") == 3)
        assert statsd.wait_until(lambda: statsd.gauge("queue.worker.slots", state="total") == 2)

    assert ["task_claimed", None, "task_completed"] * 3 == [r.get("event") for r in collector.records]
    assert [] == statsd.refused + collector.refused


# ---------------------------------------------------------------- configure


def test_a_wrong_setting_is_refused_and_changes_nothing(
    telemetry: Telemetry, statsd: StatsdServer, settings: dict[str, object]
) -> None:
    telemetry.counter("mails").increment()

    with pytest.raises(ConfigurationError, match="statsd_port"):
        telemetry.configure(**{**settings, "statsd_port": 70_000})

    telemetry.counter("mails").increment()
    telemetry.flush()
    assert statsd.wait_until(lambda: statsd.counter("mails") == 2)


def test_what_is_found_wrong_only_by_building_changes_nothing_either(
    telemetry: Telemetry, statsd: StatsdServer, settings: dict[str, object], tmp_path: Path
) -> None:
    telemetry.counter("mails").increment()
    authorities = tmp_path / "authorities.pem"
    authorities.write_text("no certificate")
    collector = {"log_url": "https://localhost:1/", "log_tls_ca": str(authorities), "task_logs": "none"}

    with pytest.raises(ConfigurationError, match="certificates"):
        telemetry.configure(**{**settings, **collector})

    telemetry.counter("mails").increment()
    telemetry.flush()
    assert statsd.wait_until(lambda: statsd.counter("mails") == 2)
    assert ["0.lock"] == [lock.name for lock in (tmp_path / "state" / "slots").glob("*.lock")]


def test_a_second_configuration_swaps_the_outputs_and_flushes_the_old_ones(
    telemetry: Telemetry, statsd: StatsdServer, collector: Collector, settings: dict[str, object]
) -> None:
    counter = telemetry.counter("mails")
    with StatsdServer() as statsd_2, Collector() as collector_2:

        @telemetry.task
        def work() -> None:
            logger.info("working")

        work()
        counter.increment(5)
        telemetry.configure(**{**settings, "statsd_port": statsd_2.port, "log_url": collector_2.url})
        work()
        counter.increment(7)
        telemetry.flush()

        assert statsd_2.wait_until(lambda: statsd_2.counter("mails") == 7)
        assert 3 == len(collector_2.records)
    assert statsd.wait_until(lambda: statsd.counter("mails") == 5)
    assert 3 == len(collector.records)


def test_what_the_outputs_before_lost_stays_in_the_totals_and_is_told_of(
    make_telemetry: MakeTelemetry, collector: Collector, settings: dict[str, object]
) -> None:
    telemetry = make_telemetry(capture_logs=True)
    telemetry.configure(**{**settings, "log_url": "http://127.0.0.1:9/"})
    telemetry.health()
    for number in range(10):
        logger.info("lost {}", number)

    telemetry.configure(**{**settings, "log_url": collector.url})
    logger.info("after")

    assert telemetry.flush()
    logs = telemetry.health().telemetry["logs"]
    assert {"shutdown": 10} == logs["dropped"]
    assert [{"shutdown": 10}] == [record["dropped"] for record in collector.records if "dropped" in record]


@pytest.mark.parametrize(
    "without", [{"log_url": None}, {"enabled": False}], ids=["no collector", "switched off"]
)
def test_a_time_without_logs_forgets_nothing_of_what_was_before(
    make_telemetry: MakeTelemetry,
    collector: Collector,
    settings: dict[str, object],
    without: dict[str, object],
) -> None:
    telemetry = make_telemetry(capture_logs=True, log_url="http://127.0.0.1:9/")
    telemetry.health()
    for number in range(10):
        logger.info("lost {}", number)
    telemetry.configure(**{**settings, **without})
    off = telemetry.health().telemetry["logs"]

    telemetry.configure(**settings)
    logger.info("after")

    assert telemetry.flush()
    logs = telemetry.health().telemetry["logs"]
    assert "log_url" not in without or (10, {"shutdown": 10}, 0) == (
        off["accepted"],
        off["dropped"],
        off["pending"],
    )
    assert (12, 2, {"shutdown": 10}) == (logs["accepted"], logs["delivered"], logs["dropped"])
    assert [{"shutdown": 10}] == [record["dropped"] for record in collector.records if "dropped" in record]


def test_where_there_never_was_a_collector_there_are_no_accounts_of_logs(
    make_telemetry: MakeTelemetry,
) -> None:
    assert "accepted" not in make_telemetry(log_url=None).health().telemetry["logs"]


def test_a_swap_among_busy_threads_loses_and_doubles_nothing(
    make_telemetry: MakeTelemetry, statsd: StatsdServer, collector: Collector, settings: dict[str, object]
) -> None:
    telemetry = make_telemetry(capture_logs=True)
    telemetry.health()
    counter, stop, logged = telemetry.counter("mails"), threading.Event(), [0, 0, 0]

    def work(index: int) -> None:
        while not stop.is_set():
            counter.increment()
            if logged[index] < 500:
                logger.info("{}:{}", index, logged[index])
                logged[index] += 1

    telemetry.configure(**settings)
    threads = [threading.Thread(target=work, args=(index,)) for index in range(3)]
    with StatsdServer() as statsd_2, Collector() as collector_2:
        others = {**settings, "statsd_port": statsd_2.port, "log_url": collector_2.url}
        telemetry.flush()
        for thread in threads:
            thread.start()
        for target in (others, settings, others, settings):
            telemetry.configure(**target)
        stop.set()
        for thread in threads:
            thread.join(5)
        total = telemetry.health().telemetry
        telemetry.close()
        counted = telemetry._stats.snapshot().totals["mails"]

        assert statsd.wait_until(lambda: statsd.counter("mails") + statsd_2.counter("mails") == counted), (
            total
        )
        messages = sorted(map(str, _messages(collector) + _messages(collector_2)))
    assert sorted(f"{index}:{number}" for index in range(3) for number in range(logged[index])) == messages


def test_switched_off_and_on_again(
    telemetry: Telemetry, statsd: StatsdServer, collector: Collector, settings: dict[str, object]
) -> None:
    counter = telemetry.counter("mails")
    counter.increment(1)
    telemetry.configure(**settings, enabled=False)
    counter.increment(10)
    assert telemetry.flush()
    telemetry.configure(**settings)
    counter.increment(100)
    telemetry.flush()

    assert statsd.wait_until(lambda: statsd.counter("mails") == 101)


def test_switched_off_is_healthy_and_ready(make_telemetry: MakeTelemetry) -> None:
    """A probe must not take a service out because its telemetry is off."""
    telemetry = make_telemetry(enabled=False)

    assert ("healthy", True, True) == (telemetry.health().status, telemetry.live(), telemetry.ready())
    assert set() == _threads_of_ours()


def test_configured_again_after_close_it_records_again(
    telemetry: Telemetry, statsd: StatsdServer, collector: Collector, settings: dict[str, object]
) -> None:
    @telemetry.task
    def work() -> None:
        logger.info("working")

    work()
    telemetry.close()
    work()
    telemetry.configure(**settings)
    work()
    telemetry.close()

    assert statsd.wait_until(lambda: statsd.counter("queue.tasks.completed") == 2)
    assert 6 == len(collector.records)


# ---------------------------------------------------------------- instances


def test_instances_ship_only_the_records_of_their_own_tasks(
    make_telemetry: MakeTelemetry, collector: Collector
) -> None:
    with Collector() as collector_2:
        first, second = make_telemetry(), make_telemetry(log_url=collector_2.url)

        @first.task("one")
        def one() -> None:
            logger.info("of one")
            two()

        @second.task("two")
        def two() -> None:
            logger.info("of two")

        one(), two()
        logger.info("of nobody")
        first.flush(), second.flush()

        assert {"one", "two"} == {str(r["task_type"]) for r in collector.records + collector_2.records}
        assert {"one"} == {record["task_type"] for record in collector.records}
        assert ["of two"] * 2 == [m for m in _messages(collector_2) if m == "of two"]
        assert 6 == len(collector_2.records)


def test_with_capture_logs_it_ships_ordinary_records_and_none_of_anothers_tasks(
    make_telemetry: MakeTelemetry, collector: Collector
) -> None:
    with Collector() as collector_2:
        capturing, other = make_telemetry(capture_logs=True), make_telemetry(log_url=collector_2.url)
        capturing.configure(log_url=collector.url)

        @other.task
        def work() -> None:
            logger.info("of the other")

        work()
        logger.info("of nobody")
        capturing.flush()

        assert ["of nobody"] == _messages(collector)


# ---------------------------------------------------------------- flush and close


def test_flush_is_false_while_a_receiver_keeps_back(telemetry: Telemetry, collector: Collector) -> None:
    collector.answer(503, 503, 503, headers={"Retry-After": "60"})

    telemetry.run("work").start().finish()

    assert not telemetry.flush(0.2)


def test_flush_before_anything_is_true(telemetry: Telemetry) -> None:
    assert telemetry.flush()


def test_flush_without_end_is_allowed(telemetry: Telemetry) -> None:
    telemetry.counter("mails").increment()

    assert telemetry.flush(float("inf"))
    assert telemetry.close(float("inf"))


def test_close_is_false_when_records_are_left(telemetry: Telemetry, collector: Collector) -> None:
    collector.answer(503, 503, 503, 503, headers={"Retry-After": "60"})
    telemetry.run("work").start().finish()

    assert (False, False) == (telemetry.close(0.5), telemetry.close())


def test_close_stops_every_thread(telemetry: Telemetry) -> None:
    telemetry.run("work").start().finish()
    threads = [
        t for t in threading.enumerate() if t.name.startswith("queue_telemetry-") and "server" not in t.name
    ]
    threads = [t for t in threads if "connection" not in t.name]

    assert telemetry.close()

    for thread in threads:
        thread.join(5)
    assert set() == _threads_of_ours()


def test_two_threads_that_close_get_the_same_answer(telemetry: Telemetry, collector: Collector) -> None:
    """The second waits for what the first achieves."""
    collector.answer(200, delay_s=0.3)
    telemetry.run("work").start().finish()
    answers: list[tuple[bool, int]] = []

    def close() -> None:
        answers.append((telemetry.close(), len(collector.records)))

    threads = [threading.Thread(target=close) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert [(True, 2)] * 2 == answers


def test_close_inside_a_task_ends_well(telemetry: Telemetry, statsd: StatsdServer) -> None:
    @telemetry.task
    def work() -> str:
        telemetry.close()
        return "done"

    assert "done" == work()
    assert "done" == work()
    assert statsd.wait_until(lambda: statsd.counter("queue.tasks.started") == 1)


def test_close_inside_a_sink_of_the_users_ends_well(telemetry: Telemetry, collector: Collector) -> None:
    closed: list[bool] = []
    logger.add(lambda _: closed.append(telemetry.close()), level="INFO")

    telemetry.run("work").start().finish()

    assert [True] == closed[:1]


def test_close_from_a_record_that_is_being_shipped_does_not_wait_for_itself(
    telemetry: Telemetry, collector: Collector
) -> None:
    """As in a signal handler that interrupts our own sink."""
    closed: list[bool] = []

    class Closing:
        def __str__(self) -> str:
            closed.append(telemetry.close(2.0))
            return "text"

    @telemetry.task
    def work() -> None:
        logger.bind(odd=Closing()).info("odd")

    work()

    assert closed


def test_events_after_close_are_counted_as_dropped(telemetry: Telemetry) -> None:
    telemetry.counter("mails").increment()
    telemetry.close()
    before = _statsd_stats(telemetry)

    for _ in range(3):
        telemetry.counter("mails").increment()
    with telemetry.run("work"), telemetry.timer("t"):
        pass

    after = _statsd_stats(telemetry)
    assert {} == before["dropped"]
    assert 5 == after["dropped"]["closed"]  # type: ignore[index] # a dictionary
    assert after["accepted"] == after["delivered"] + 5  # type: ignore[operator] # an int


def test_health_after_close_counts_nothing(telemetry: Telemetry) -> None:
    telemetry.counter("mails").increment()
    telemetry.close()

    assert _statsd_stats(telemetry) == _statsd_stats(telemetry)


def test_close_waits_for_a_first_event_that_is_starting_the_threads(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise they would start after it, and nobody would stop them."""
    starting, go = threading.Event(), threading.Event()
    adopt = telemetry._adopt

    def adopt_late(*args: object) -> object:
        starting.set()
        go.wait(5)
        return adopt(*args)  # type: ignore[arg-type] # what it is called with

    monkeypatch.setattr(telemetry, "_adopt", adopt_late)
    first = threading.Thread(target=telemetry.counter("mails").increment)
    first.start()
    starting.wait(5)
    closing = threading.Thread(target=telemetry.close)
    closing.start()
    go.set()
    for thread in (first, closing):
        thread.join(5)

    assert telemetry._gate.asleep
    telemetry.counter("mails").increment()
    for thread in threading.enumerate():
        if thread.name in _threads_of_ours():
            thread.join(5)
    assert set() == _threads_of_ours()


def test_close_before_any_event_is_true_and_final(telemetry: Telemetry) -> None:
    assert telemetry.close()

    telemetry.counter("mails").increment()
    assert set() == _threads_of_ours()


# ---------------------------------------------------------------- no threads to be had


def test_without_threads_events_never_raise_and_are_sent_in_place(
    make_telemetry: MakeTelemetry, statsd: StatsdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    telemetry = make_telemetry(log_url=None)
    monkeypatch.setattr(threading.Thread, "start", _refuse)

    for _ in range(10):
        telemetry.counter("mails").increment()
        with telemetry.run("work"):
            pass

    telemetry._start_again_at_s = time.monotonic()  # its time has come
    telemetry.counter("mails").increment()

    assert statsd.wait_until(lambda: statsd.counter("mails") == 10)
    assert ("healthy", 10) == (telemetry.health().status, telemetry.health().completed_1h)


def test_without_threads_a_flush_delivers_everything(
    telemetry: Telemetry, statsd: StatsdServer, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading.Thread, "start", _refuse_ours)
    with telemetry.run("work"):
        pass

    assert telemetry.flush(5.0)

    assert statsd.wait_until(lambda: statsd.counter("queue.tasks.completed") == 1)
    assert 2 == len(collector.records)


def test_it_tries_again_for_threads_and_recovers(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as limited:
        limited.setattr(threading.Thread, "start", _refuse_ours)
        telemetry.counter("mails").increment()
    assert telemetry._gate.asleep

    telemetry._start_again_at_s = time.monotonic()
    telemetry.counter("mails").increment()

    assert {"queue_telemetry-ticker", "queue_telemetry-statsd"} == _threads_of_ours()
    assert 2 == telemetry.health().telemetry["statsd"]["accepted"]


def test_without_threads_attempts_are_spaced_out(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[threading.Thread] = []

    def refuse(thread: threading.Thread) -> None:
        attempts.append(thread)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    for _ in range(1000):
        telemetry.counter("mails").increment()

    assert len(attempts) < 10


_start_thread = threading.Thread.start


def _refuse(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def _refuse_ours(thread: threading.Thread) -> None:
    if thread.name in {"queue_telemetry-ticker", "queue_telemetry-statsd", "queue_telemetry-logs"}:
        raise RuntimeError("can't start new thread")
    _start_thread(thread)
