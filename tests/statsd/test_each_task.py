"""FLUSH_EACH_TASK through the whole library: what a task did is on the wire when it returns."""

import socket
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry.metrics import Batch
from queue_telemetry.metrics import Counter as Cell
from queue_telemetry.telemetry import Telemetry

MakeTelemetry = Callable[..., Telemetry]
JOBS = 20

FORK_PER_JOB = """
import os
import queue_telemetry as qt

@qt.task("send", queue="mail")
def send():
    qt.counter("mails").increment()

for _ in range(int(os.environ["JOBS"])):
    child = os.fork()
    if child == 0:
        send()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""


def receive_rest(receiver: Any) -> list[bytes]:
    """Return what came in and was not read; over the loopback what is sent is there."""
    taken = []
    receiver._socket.setblocking(False)
    try:
        while True:
            taken += receiver.take(1)
    except BlockingIOError:
        return taken
    finally:
        receiver._socket.settimeout(5)


def stop_statsd_thread(telemetry: Telemetry) -> None:
    outputs: Any = telemetry._outputs
    ticker: Any = telemetry._ticker
    assert outputs._loop.stop(5.0)
    assert ticker.stop(5.0)


@pytest.fixture
def make(receiver: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[MakeTelemetry]:
    monkeypatch.chdir(tmp_path)
    made: list[Telemetry] = []

    def make(flush_each_task: bool) -> Telemetry:
        telemetry = Telemetry(
            statsd_host="127.0.0.1",
            statsd_port=receiver.port,
            statsd_flush_interval_s=10,
            state_dir=tmp_path / "state",
            flush_each_task=flush_each_task,
        )
        made.append(telemetry)
        return telemetry

    yield make
    for telemetry in made:
        telemetry.close(2.0)


def counts(datagrams: list[bytes]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for line in b"\n".join(datagrams).decode().split("\n"):
        name, _, rest = line.partition(":")
        if rest.endswith("|c"):
            sums[name] += int(rest.removesuffix("|c"))
    return sums


def test_workers_that_fork_for_a_job_and_end_in_os_exit_lose_nothing(receiver: Any, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(FORK_PER_JOB))
    environment = {
        "PATH": "",
        "JOBS": str(JOBS),
        "QUEUE_TELEMETRY_FLUSH_EACH_TASK": "true",
        "QUEUE_TELEMETRY_STATSD_HOST": "127.0.0.1",
        "QUEUE_TELEMETRY_STATSD_PORT": str(receiver.port),
        "QUEUE_TELEMETRY_STATE_DIR": str(tmp_path / "state"),
    }
    options = ["-X", "dev", "-W", "error", "-W", "ignore::DeprecationWarning"]
    subprocess.run(
        [sys.executable, *options, str(script)], env=environment, cwd=tmp_path, timeout=15, check=True
    )

    taken: list[bytes] = []
    while counts(taken)["queue.tasks.completed.mail.send"] < JOBS:
        taken += receiver.take(1)
    got = counts(taken)

    assert got["queue.tasks.started.mail.send"] == got["mails"] == JOBS
    assert sum(datagram.count(b"queue.task.duration.mail.send") for datagram in taken) == JOBS


def test_what_a_task_did_is_sent_before_it_returns(receiver: Any, make: MakeTelemetry) -> None:
    telemetry = make(flush_each_task=True)

    @telemetry.task("send", queue="mail")
    def send() -> None:
        telemetry.counter("mails").increment()

    send()
    stats: Any = telemetry.health().telemetry["statsd"]
    send()

    assert stats["pending"] == 0
    assert stats["delivered"] >= 4  # started, claimed, completed, its duration; the user's own
    assert counts(receiver.take(2))["mails"] == 2


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_agent_behind_a_unix_socket_has_it_too(tmp_path: Path, kind: socket.SocketKind) -> None:
    path = tmp_path / "dsd.socket"
    with socket.socket(socket.AF_UNIX, kind) as agent:
        agent.bind(str(path))
        agent.settimeout(5)
        if kind == socket.SOCK_STREAM:
            agent.listen(1)
        telemetry = Telemetry(
            statsd_socket=f"unix://{path}", statsd_dialect="datadog", flush_each_task=True, state_dir=tmp_path
        )
        task: Any = telemetry.task("send", queue="mail")(lambda: None)
        task()
        stats: Any = telemetry.health().telemetry["statsd"]
        connection = agent if kind == socket.SOCK_DGRAM else agent.accept()[0]
        with connection:
            payload = connection.recv(8192)[0 if kind == socket.SOCK_DGRAM else 4 :]
            telemetry.close(2.0)

    assert b"queue.tasks.completed:1|c|#queue:mail,type:send" in payload.split(b"\n")
    assert (stats["socket"], stats["pending"], stats["dropped"]) == (f"unix://{path}", 0, {})


@pytest.mark.parametrize("asked", [True, False])
def test_short_way_is_not_taken_then(make: MakeTelemetry, asked: bool) -> None:
    telemetry = make(flush_each_task=asked)
    task: Any = telemetry.task("send")(lambda: None)
    task()

    assert telemetry._gate.quiet is not asked


def test_failed_run_is_sent_too_and_its_exception_untouched(receiver: Any, make: MakeTelemetry) -> None:
    telemetry = make(flush_each_task=True)
    error = ValueError("x")
    with pytest.raises(ValueError) as raised, telemetry.run("send"):
        raise error

    assert raised.value is error
    assert counts(receiver.take(1))["queue.tasks.failed.default.send.ValueError.exception"] == 1


def test_receiver_that_takes_nothing_is_waited_for_once(make: MakeTelemetry) -> None:
    telemetry = make(flush_each_task=True)
    task: Any = telemetry.task("send")(lambda: None)
    task()
    waits: list[float] = []

    def flush_news(timeout_s: float, **_: object) -> bool:
        waits.append(timeout_s)
        return len(waits) > 2

    outputs: Any = telemetry._outputs
    outputs._emitter.flush_news = flush_news

    for _ in range(4):
        task()

    assert waits == [0.05, 0.0, 0.0, 0.05]


def test_only_gauges_that_were_set_are_sent_with_a_task(receiver: Any, make: MakeTelemetry) -> None:
    telemetry = make(flush_each_task=True)
    gauges = [telemetry.gauge("pool_free", pool=f"p{number}") for number in range(100)]

    @telemetry.task("send")
    def send() -> None:
        gauges[7].set(2)

    for gauge in gauges:
        gauge.set(1)
    send()
    stop_statsd_thread(telemetry)
    receive_rest(receiver)
    send()
    lines = b"\n".join(receive_rest(receiver)).split(b"\n")

    assert [line.rpartition(b":")[2] for line in lines if line.startswith(b"pool_free")] == [b"2|g"]


def test_task_drains_its_own_cells_and_not_those_of_all_types(
    receiver: Any, make: MakeTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    telemetry = make(flush_each_task=True)
    tasks: list[Any] = [telemetry.task(f"t{number}", queue="q")(lambda: None) for number in range(200)]
    for task in tasks:
        task()
    stop_statsd_thread(telemetry)
    receive_rest(receiver)
    drained: list[tuple[str, ...]] = []
    drain = Cell.drain

    def watch(cell: Cell, batch: Batch) -> None:
        drained.append(cell.series.values)
        drain(cell, batch)

    monkeypatch.setattr(Cell, "drain", watch)
    tasks[3]()
    lines = b"\n".join(receive_rest(receiver)).split(b"\n")

    assert drained == [("q", "t3")] * 3  # claimed, started, completed
    assert len([line for line in lines if not line.startswith(b"queue.telemetry")]) == 4


def test_first_task_of_a_process_waits_for_a_slow_dns(
    receiver: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(host: str, port: int, *_: object, flags: int = 0, **__: object) -> Any:
        if flags:
            raise socket.gaierror  # it is a name
        threading.Event().wait(0.15)
        return [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    telemetry = Telemetry(
        statsd_host="slow-dns.invalid", statsd_port=receiver.port, flush_each_task=True, state_dir=tmp_path
    )
    telemetry.task("send")(lambda: None)()
    stats: Any = telemetry.health().telemetry["statsd"]
    telemetry.close(2.0)

    assert (stats["delivered"], stats["pending"], stats["dropped"]) == (4, 0, {})


def test_what_the_pace_does_not_let_through_is_left_to_the_statsd_thread_from_the_second_task_on(
    receiver: Any, make: MakeTelemetry
) -> None:
    telemetry = make(flush_each_task=True)
    task: Any = telemetry.task("send")(lambda: None)
    task()
    waited: list[bool] = []
    outputs: Any = telemetry._outputs
    flush_news = outputs._emitter.flush_news

    def watch(timeout_s: float, *, waits_for_pace: bool, **rest: float) -> bool:
        waited.append(waits_for_pace)
        done: bool = flush_news(timeout_s, waits_for_pace=waits_for_pace, **rest)
        return done

    outputs._emitter.flush_news = watch
    task()
    stop_statsd_thread(telemetry)
    task()

    assert waited == [False, True]
