"""The laws of the whole: what arrives equals what was done, and at every moment each call is accounted for."""

import random
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loguru import logger

from queue_telemetry.telemetry import Telemetry
from queue_telemetry.testing import Collector, StatsdServer

_THREADS = 16
_ROUNDS = 400
_CALLS_A_ROUND = (
    2 + 1 + 2 + 3 * 4
)  # counter, gauge, timer; and each task is claimed, started, ended and timed
_BOUND_S = 15.0
_NOTHING: Mapping[str, Any] = {"accepted": 0, "delivered": 0, "dropped": {}, "pending": 0}
Dialect = Literal["statsd", "datadog"]


@pytest.fixture(autouse=True)
def fast_switching() -> Generator[None]:
    """Threads take turns at nearly every byte code."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def in_threads(work: Callable[[int], None], meanwhile: Callable[[], None]) -> None:
    """Run *work* in all threads at once, and *meanwhile* in this one for as long as they run."""
    faults: list[BaseException] = []
    barrier = threading.Barrier(_THREADS)

    def run(number: int) -> None:
        try:
            barrier.wait(_BOUND_S)
            work(number)
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            meanwhile()
    finally:
        for thread in threads:
            thread.join(_BOUND_S)
    assert [] == faults


def check_law(delivery: Mapping[str, Any]) -> None:
    assert (
        delivery["accepted"]
        == delivery["delivered"] + sum(delivery["dropped"].values()) + delivery["pending"]
    )
    assert delivery["pending"] >= 0


class Job:
    """Everything that is done in one round, by hand and by decorated tasks."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._mails = telemetry.counter("mails", provider="ses")
        self._pool = telemetry.gauge("pool")
        self._render = telemetry.timer("render", template="x")

        @telemetry.task
        def well() -> int:
            return 1

        @telemetry.task(queue="slow", tags={"tier": "free"})
        def badly() -> None:
            raise ValueError

        @telemetry.task
        def stepwise() -> Generator[int]:
            yield 1

        self._well, self._badly, self._stepwise = well, badly, stepwise

    def do(self, _: int) -> None:
        for step in range(_ROUNDS):
            self._mails.increment()
            self._mails.increment(3)
            self._pool.set(step)
            self._render.observe(0.5)
            with self._render:
                assert 1 == self._well()
            with suppress(ValueError):
                self._badly()
            assert [1] == list(self._stepwise())


_DONE = _THREADS * _ROUNDS
_WELL = {"queue": "default", "type": "well"}
_BADLY = {"queue": "slow", "type": "badly", "error_type": "ValueError", "reason": "exception"}
_COUNTERS: list[tuple[str, dict[str, str], int]] = [
    ("mails", {"provider": "ses"}, 4 * _DONE),
    *((f"queue.tasks.{event}", _WELL, _DONE) for event in ("claimed", "started", "completed")),
    ("queue.tasks.failed", _BADLY, _DONE),
]
_TIMERS: list[tuple[str, dict[str, str], int]] = [
    ("render", {"template": "x"}, 2 * _DONE),
    ("queue.task.duration", {"queue": "default", "type": "stepwise", "outcome": "completed"}, _DONE),
]


def arrived(server: StatsdServer, dialect: Dialect) -> list[float]:
    """Return what came of each series above; the plain dialect has tags in the names, the other a unit."""
    if dialect == "statsd":
        return [
            *(server.counter(".".join((name, *tags.values()))) for name, tags, _ in _COUNTERS),
            *(server.timing_count(".".join((name, *tags.values()))) for name, tags, _ in _TIMERS),
        ]
    return [
        *(server.counter(name, **tags) for name, tags, _ in _COUNTERS),
        *(server.timing_count(f"{name}_seconds", **tags) for name, tags, _ in _TIMERS),
    ]


@pytest.mark.parametrize("dialect", ["statsd", "datadog"])
def test_sums_at_the_receiver_equal_what_was_done(dialect: Dialect, tmp_path: Path) -> None:
    with StatsdServer(dialect=dialect) as server:
        telemetry = Telemetry(
            statsd_host=server.host,
            statsd_port=server.port,
            statsd_dialect=dialect,
            statsd_flush_interval_s=0.1,
            statsd_max_samples=1_000_000,
            state_dir=str(tmp_path / "state"),
        )
        job, readings = Job(telemetry), list[Mapping[str, Any]]()

        def meanwhile() -> None:
            readings.append(
                telemetry.health().telemetry.get("statsd", _NOTHING)
            )  # none while the first call wakes it
            telemetry.flush(_BOUND_S)

        try:
            in_threads(job.do, meanwhile)
            assert telemetry.flush(_BOUND_S)
            end = telemetry.health().telemetry["statsd"]
        finally:
            telemetry.close(_BOUND_S)
        done = [sum_ for _, _, sum_ in (*_COUNTERS, *_TIMERS)]
        server.wait_until(lambda: done == arrived(server, dialect))

        assert done == arrived(server, dialect)
        assert [] == server.refused
        for reading in (*readings, end):
            check_law(reading)
        assert (_DONE * _CALLS_A_ROUND, {}, 0) == (end["accepted"], end["dropped"], end["pending"])


def test_every_record_arrives_once_though_the_collector_fails_now_and_then(tmp_path: Path) -> None:
    with StatsdServer() as server, Collector() as collector:
        for failure in (503, 429, 500):
            collector.answer(200, 200, failure)
        collector.hang_up()
        telemetry = Telemetry(
            capture_logs=True,
            statsd_host=server.host,
            statsd_port=server.port,
            log_url=collector.url,
            log_batch_bytes=8_192,
            log_linger_s=0.01,
            task_logs="outcomes",
            state_dir=str(tmp_path / "state"),
        )
        readings: list[Mapping[str, Any]] = []

        @telemetry.task
        def work(number: int, step: int) -> None:
            logger.info("{} {}", number, step)

        def work_all(number: int) -> None:
            for step in range(20):
                work(number, step)

        def meanwhile() -> None:
            readings.append(telemetry.health().telemetry["logs"])
            telemetry.flush(0.05)

        try:
            telemetry.health()  # awake: a record that comes before the sink is there cannot be seen
            in_threads(work_all, meanwhile)
            assert telemetry.flush(_BOUND_S)
            end = telemetry.health().telemetry["logs"]
        finally:
            telemetry.close(_BOUND_S)

    first_of_each = {record["record_id"]: record for record in collector.records}
    messages = Counter(record["message"] for record in first_of_each.values() if "event" not in record)
    events = Counter(record["event"] for record in first_of_each.values() if "event" in record)
    assert {f"{number} {step}": 1 for number in range(_THREADS) for step in range(20)} == messages
    assert {"task_completed": _THREADS * 20} == events
    assert [] == collector.refused
    assert {503, 429, 500, None, 200} == {request.status for request in collector.requests}
    for reading in (*readings, end):
        check_law(reading)
    assert (2 * _THREADS * 20, {}, 0) == (end["accepted"], end["dropped"], end["pending"])


def test_a_receiver_that_is_not_there_loses_nothing_silently(tmp_path: Path) -> None:
    with StatsdServer() as server:
        port = server.port
    telemetry = Telemetry(
        statsd_host="127.0.0.1",
        statsd_port=port,
        statsd_flush_interval_s=0.1,
        state_dir=str(tmp_path / "state"),
    )
    job, readings = Job(telemetry), list[Mapping[str, Any]]()

    def meanwhile() -> None:
        readings.append(telemetry.health().telemetry.get("statsd", _NOTHING))
        telemetry.flush(_BOUND_S)

    try:
        in_threads(job.do, meanwhile)
        telemetry.flush(_BOUND_S)
        end: Mapping[str, Any] = telemetry.health().telemetry["statsd"]
    finally:
        telemetry.close(_BOUND_S)

    for reading in (*readings, end):
        check_law(reading)
    assert (_DONE * _CALLS_A_ROUND, 0) == (end["accepted"], end["pending"])
    assert end["dropped"]["refused"] > 0


class Limit(Exception):
    """What a time limit's signal handler raises."""


def limited(work: Callable[[], object], within_s: float) -> bool:
    """Do *work* on this thread unless a signal handler ends it within that time; tell whether it did."""
    armed, over = False, threading.Event()

    def handle(number: int, frame: object) -> None:
        if armed:
            raise Limit

    def ring() -> None:
        if not over.wait(within_s):
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handle)
    bell = threading.Thread(target=ring)
    bell.start()
    ended = False
    try:
        armed = True
        try:
            work()
        finally:
            armed = False
    except Limit:
        ended = True
    finally:
        over.set()
        bell.join(_BOUND_S)
        signal.signal(signal.SIGUSR1, before)
    return ended


# a time limit may come while the interpreter runs a finalizer, which can only print it
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_time_limits_that_end_a_flush_lose_nothing(tmp_path: Path) -> None:
    with StatsdServer() as server:
        telemetry = Telemetry(
            statsd_host=server.host,
            statsd_port=server.port,
            statsd_flush_interval_s=10,
            state_dir=str(tmp_path / "state"),
        )
        counters = [telemetry.counter("mails", number=str(number)) for number in range(300)]
        chance, ended, readings = random.Random(1), 0, list[Mapping[str, Any]]()

        def mails() -> float:
            return sum(server.counter(name) for name in server.names if name.startswith("mails."))

        def all_arrived() -> bool:
            return bool(end["delivered"] == mails())

        try:
            counters[0].increment()
            assert telemetry.flush(
                _BOUND_S
            )  # the socket is open: Python itself warns of one that is cut short
            for _ in range(20):
                for _ in range(5):
                    for counter in counters:
                        counter.increment()
                    ended += limited(telemetry.flush, chance.uniform(0.0001, 0.003))
                    readings.append(telemetry.health().telemetry["statsd"])
                assert telemetry.flush(_BOUND_S)
                end = telemetry.health().telemetry["statsd"]
                server.wait_until(all_arrived)
                readings.append(end)
        finally:
            telemetry.close(_BOUND_S)

        assert ended > 10
        for reading in readings:
            check_law(reading)
        assert (end["delivered"], {}, 0) == (end["accepted"], end["dropped"], end["pending"])
        assert end["delivered"] == mails()


_TEXTS = st.text(max_size=30) | st.sampled_from(
    ["mails", "a.b", "a..b", "queue.tasks", "x:1|c\n", "\ud800", "é" * 300]
)
_VALUES = _TEXTS | st.integers() | st.floats() | st.none() | st.binary(max_size=9)
_NUMBERS = st.integers() | st.floats() | st.sampled_from([1, 10**400, 1e300, -0.0, 5e-324, 0.1])
_USES = st.tuples(
    st.sampled_from(["counter", "gauge", "timer"]),
    _TEXTS,
    st.dictionaries(_TEXTS, _VALUES, max_size=3),
    _NUMBERS,
)


@pytest.mark.parametrize("dialect", ["statsd", "datadog"])
@settings(max_examples=20, deadline=None)
@given(uses=st.lists(_USES, min_size=1, max_size=40))
def test_whatever_is_measured_no_server_misreads_it_and_every_call_is_accounted_for(
    dialect: Dialect, uses: list[tuple[str, str, dict[str, object], float]]
) -> None:
    with tempfile.TemporaryDirectory() as folder, StatsdServer(dialect=dialect) as server:
        telemetry = Telemetry(
            statsd_host=server.host,
            statsd_port=server.port,
            statsd_dialect=dialect,
            state_dir=f"{folder}/state",
        )
        try:
            for kind, name, tags, number in uses:
                if kind == "counter":
                    telemetry.counter(name, **tags).increment(number)
                elif kind == "gauge":
                    telemetry.gauge(name, **tags).set(number)
                else:
                    telemetry.timer(name, **tags).observe(number)
            assert telemetry.flush(_BOUND_S)
            end: Mapping[str, Any] = telemetry.health().telemetry["statsd"]
        finally:
            telemetry.close(_BOUND_S)

    check_law(end)
    assert (len(uses), 0) == (end["accepted"], end["pending"])
    assert {"invalid", "oversize"} >= end["dropped"].keys()
    assert [] == server.refused
