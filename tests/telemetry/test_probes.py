"""Broker probes: who calls them, what becomes of their answers, and what a hanging one does to nobody."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from queue_telemetry._runtime import Clock
from queue_telemetry.healthcheck import Reason
from queue_telemetry.metrics import CATALOG
from queue_telemetry.processes import Ownership
from queue_telemetry.tasks import BrokerProbes, QueueGauge
from queue_telemetry.telemetry import Telemetry
from queue_telemetry.telemetry._probes import ProbeRunner
from queue_telemetry.testing import StatsdServer

MakeTelemetry = Callable[..., Telemetry]
RunScript = Callable[..., object]

_WITHIN_S = 5.0


@dataclass
class Hand:
    """A monotonic clock turned by hand."""

    now_s: float = 1_000.0


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def registered() -> BrokerProbes:
    return BrokerProbes()


@pytest.fixture
def gauge(registered: BrokerProbes, telemetry: Telemetry) -> QueueGauge:
    return QueueGauge(
        "queue_size:mail", telemetry._registry.gauge(CATALOG["queue.size"], ("mail",)), registered
    )


@pytest.fixture
def runner(registered: BrokerProbes, hand: Hand, tmp_path: Path) -> Iterator[ProbeRunner]:
    one = ProbeRunner(registered, Clock(lambda: hand.now_s, time.time))
    one.adopt(15.0, tmp_path, "billing")
    yield one
    one.stop()


def _until(holds: Callable[[], object]) -> bool:
    """Wait for what another thread brings."""
    end_s = time.monotonic() + _WITHIN_S
    waiting = threading.Event()
    while not (held := holds()) and time.monotonic() < end_s:
        waiting.wait(0.002)
    return bool(held)


def _value(gauge: QueueGauge) -> float | None:
    latest = gauge._gauge._latest
    return None if latest is None else latest[0]


def test_an_answer_is_the_gauges_value(runner: ProbeRunner, gauge: QueueGauge) -> None:
    gauge.probe(lambda: 42)

    runner.tick()

    assert _until(lambda: _value(gauge) == 42)
    assert {"registered": 1, "owned": 1, "answers": 1, "failures": 0} == runner.stats()
    assert frozenset() == runner.stale()


def test_without_probes_there_is_nothing_to_tell(runner: ProbeRunner) -> None:
    runner.tick()

    assert {} == runner.stats()


def test_none_is_unknown_at_once_and_no_failure(runner: ProbeRunner, gauge: QueueGauge) -> None:
    gauge.set(3)
    gauge.probe(lambda: None)

    runner.tick()

    assert _until(lambda: runner.stats()["answers"] == 1)
    assert _value(gauge) is None


def _raise() -> float:
    raise ConnectionError("no broker at 10.0.0.1")


def _exit() -> float:
    raise SystemExit(3)


async def _later() -> float:
    return 3


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_raise, "ConnectionError"),
        (_exit, "SystemExit"),
        (lambda: "7", "it returned a str; a number from 0 on is one"),
        (lambda: -1, "it returned a int"),
        (lambda: float("nan"), "it returned a float"),
        (lambda: True, "it returned a bool"),
        (lambda: _later(), "it returned a coroutine; call .set() from your own loop instead"),  # noqa: PLW0108
    ],
    ids=["it raises", "it exits", "text", "negative", "not a number", "a truth", "a coroutine"],
)
def test_what_is_no_answer_is_counted_and_said_and_changes_nothing(
    runner: ProbeRunner,
    gauge: QueueGauge,
    caplog: pytest.LogCaptureFixture,
    function: Callable[[], float],
    words: str,
) -> None:
    gauge.set(3)
    gauge.probe(function)

    runner.tick()

    assert _until(lambda: runner.stats()["failures"] == 1)
    assert _until(lambda: caplog.records)
    assert f"the probe queue_size:mail has no answer: {words}" in caplog.text
    assert "10.0.0.1" not in caplog.text
    assert 3 == _value(gauge)


def test_an_overdue_value_turns_stale_and_then_unknown_and_comes_back(
    runner: ProbeRunner, gauge: QueueGauge, hand: Hand
) -> None:
    answers = [7.0]
    gauge.probe(lambda: answers[0] if answers else _raise())
    runner.tick()
    assert _until(lambda: _value(gauge) == 7)
    run = runner._runs["queue_size:mail"]
    answers.clear()

    hand.now_s += 45
    runner.tick()
    assert frozenset() == runner.stale()
    hand.now_s += 1
    runner.tick()
    assert (frozenset({"queue_size:mail"}), 7) == (runner.stale(), _value(gauge))
    hand.now_s += 105
    runner.tick()
    assert (frozenset({"queue_size:mail"}), None) == (runner.stale(), _value(gauge))

    answers.append(8.0)
    assert run._loop is not None
    run._loop.wake()
    assert _until(lambda: _value(gauge) == 8)
    runner.tick()
    assert frozenset() == runner.stale()


def test_one_that_hangs_is_not_called_again_and_nobody_waits_for_it(
    runner: ProbeRunner, gauge: QueueGauge, hand: Hand, tmp_path: Path
) -> None:
    called, go_on = threading.Semaphore(0), threading.Event()

    def hang() -> float:
        called.release()
        go_on.wait(_WITHIN_S)
        return 1

    gauge.probe(hang)
    try:
        runner.tick()
        assert called.acquire(timeout=_WITHIN_S)
        for _ in range(5):
            hand.now_s += 20
            runner.tick()
        assert {"queue_size:mail"} == runner.stale()

        began_s = time.monotonic()
        runner.stop()
        assert time.monotonic() - began_s < 0.5
        runner.adopt(15.0, tmp_path, "billing")  # such as by a second configure()
        runner.tick()
        assert not called.acquire(timeout=0.05)
    finally:
        go_on.set()

    def called_again() -> bool:
        hand.now_s += 15
        runner.tick()
        for run in runner._runs.values():
            if run._loop is not None:
                run._loop.wake()  # which waits by the real clock
        return called.acquire(blocking=False)

    assert _until(called_again)  # once the first call has ended
    assert _until(lambda: _value(gauge) == 1)


def test_what_comes_after_the_stop_is_not_wanted(runner: ProbeRunner, gauge: QueueGauge) -> None:
    called, go_on = threading.Event(), threading.Event()

    def slow() -> float:
        called.set()
        go_on.wait(_WITHIN_S)
        return 1

    gauge.probe(slow)
    runner.tick()
    assert called.wait(_WITHIN_S)
    run = runner._runs["queue_size:mail"]
    runner.stop()
    go_on.set()

    assert _until(lambda: not run.alive)
    assert _value(gauge) is None


def test_a_probe_is_called_where_nobody_else_does_and_taken_over_from_who_ends(
    runner: ProbeRunner, gauge: QueueGauge, hand: Hand, tmp_path: Path
) -> None:
    other = Ownership(tmp_path, "queue_size:mail billing")
    assert other.take()
    calls = threading.Semaphore(0)

    def ask() -> float:
        calls.release()
        return 1

    gauge.probe(ask)
    runner.tick()
    hand.now_s += 100
    runner.tick()
    assert {"registered": 1, "owned": 0, "answers": 0, "failures": 0} == runner.stats()
    assert frozenset() == runner.stale()  # that is the owner's to tell

    other.release()
    hand.now_s += 5
    runner.tick()

    assert calls.acquire(timeout=_WITHIN_S)
    assert frozenset() == runner.stale()


def test_processes_that_live_for_one_job_ask_no_oftener_than_one_that_stays(
    registered: BrokerProbes, gauge: QueueGauge, hand: Hand, tmp_path: Path
) -> None:
    calls = threading.Semaphore(0)

    def ask() -> float:
        calls.release()
        return 1

    gauge.probe(ask)
    wall_s = time.time()
    runners = []
    for _ in range(5):
        runner = ProbeRunner(registered, Clock(lambda: hand.now_s, lambda: wall_s))
        runner.adopt(15.0, tmp_path, "billing")
        runner.tick()
        runners.append(runner)
        assert calls.acquire(timeout=_WITHIN_S if len(runners) == 1 else 0.02) is (len(runners) == 1)
        runner.stop()

    wall_s += 16
    last = ProbeRunner(registered, Clock(lambda: hand.now_s, lambda: wall_s))
    last.adopt(15.0, tmp_path, "billing")
    last.tick()
    assert calls.acquire(timeout=_WITHIN_S)
    last.stop()


def test_the_users_records_from_a_probe_are_not_held_back(
    make_telemetry: MakeTelemetry, collector: object
) -> None:
    """Unlike those of the library's own threads."""
    from loguru import logger

    telemetry = make_telemetry(capture_logs=True)
    asked = threading.Event()

    @telemetry.queue_size("mail").probe
    def ask() -> float:
        logger.warning("the broker is slow")
        asked.set()
        return 1

    telemetry.counter("mails").increment()
    assert asked.wait(_WITHIN_S)
    telemetry.flush()

    assert "the broker is slow" in [record["message"] for record in collector.records]  # type: ignore[attr-defined]


def test_a_telemetry_asks_from_its_first_event_on_and_sends_what_it_heard(
    telemetry: Telemetry, statsd: StatsdServer
) -> None:
    asked = threading.Event()

    def depth() -> float:
        asked.set()
        return 42

    telemetry.queue_size("mail").probe(depth)
    telemetry.oldest_task_age("mail").probe(lambda: 3.5)
    assert not asked.wait(0.02)

    telemetry.counter("mails").increment()

    assert _until(lambda: (telemetry.health().queue_size, telemetry.health().oldest_task_age) == (42, 3.5))
    telemetry.flush()
    assert (42, 3.5) == (statsd.gauge("queue.size"), statsd.gauge("queue.oldest_task_age"))
    assert 2 == telemetry.health().telemetry["broker_probes"]["owned"]


def test_a_stale_probe_degrades_and_is_named(telemetry: Telemetry) -> None:
    telemetry.queue_size("mail").probe(_raise)
    telemetry.counter("mails").increment()
    assert _until(telemetry._vigil._probes.stats)
    run = telemetry._vigil._probes._runs["queue_size:mail"]

    assert _until(lambda: run.owned)
    run._answered_s -= 60
    assert _until(telemetry._vigil.stale_probes)
    report = telemetry.health()

    assert ("degraded", (Reason.PROBE_STALE,), ("queue_size:mail",)) == (
        report.status,
        report.reasons,
        report.stale_probes,
    )
    assert report.queue_size is None


def test_close_waits_for_no_probe(make_telemetry: MakeTelemetry) -> None:
    telemetry = make_telemetry()
    called, go_on = threading.Event(), threading.Event()

    def hang() -> float:
        called.set()
        go_on.wait(_WITHIN_S)
        return 1

    telemetry.queue_size("mail").probe(hang)
    telemetry.counter("mails").increment()
    try:
        assert called.wait(_WITHIN_S)
        began_s = time.monotonic()
        assert telemetry.close(3.0)
        assert time.monotonic() - began_s < 2.0
    finally:
        go_on.set()


def test_of_many_processes_one_asks_and_another_when_it_is_killed(
    run_script: RunScript, tmp_path: Path
) -> None:
    ended = run_script(
        """
        asked, told = os.pipe()

        def depth():
            os.write(told, b"%08d" % os.getpid())
            return 1

        qt.queue_size("mail").probe(depth)
        children = []
        for _ in range(4):
            pid = os.fork()
            if not pid:
                qt.counter("mails").increment()
                time.sleep(20)
                os._exit(0)
            children.append(pid)
        owners = []
        while len(owners) < 3:
            owner = int(os.read(asked, 8))
            if owner not in owners:
                owners.append(owner)
                os.kill(owner, signal.SIGKILL)
                os.waitpid(owner, 0)
                children.remove(owner)
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        say(owners=len(owners), left=len(children))
        """,
        probe_interval_s=1,
        timeout_s=18.0,
    )

    assert [{"owners": 3, "left": 1}] == ended.said  # type: ignore[attr-defined]


def test_a_forked_child_leaves_the_probe_to_its_parent(run_script: RunScript) -> None:
    ended = run_script(
        """
        asked, told = os.pipe()
        qt.queue_size("mail").probe(lambda: os.write(told, b"%08d" % os.getpid()))
        qt.counter("mails").increment()
        assert int(os.read(asked, 8)) == os.getpid()
        pid = os.fork()
        if not pid:
            qt.counter("mails").increment()
            time.sleep(2.5)
            os._exit(0)
        os.waitpid(pid, 0)
        os.set_blocking(asked, False)
        pids = set()
        try:
            while piece := os.read(asked, 8):
                pids.add(int(piece))
        except BlockingIOError:
            pass
        say(others=sorted(pids - {os.getpid()}))
        """,
        probe_interval_s=1,
    )

    assert [{"others": []}] == ended.said  # type: ignore[attr-defined]
