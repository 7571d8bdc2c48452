"""Many processes of one service: each answers for all, and nothing is counted twice or lost when one dies."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry.telemetry import Telemetry
from queue_telemetry.testing import StatsdServer

RunScript = Callable[..., Any]
MakeTelemetry = Callable[..., Telemetry]

_HELP = """
import subprocess, time

def until(condition, timeout_s=8.0):
    # what others tell is a second old at most
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()

def probe(*arguments):
    done = subprocess.run([sys.executable, "-m", "queue_telemetry.cli", "health", *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr

@qt.task("work")
def work(hang=False):
    if hang:
        os.write(ready[1], b".")
        signal.pause()

ready = os.pipe()
"""


def _totals(telemetry: Telemetry, name: str = "queue.tasks.completed", **tags: str) -> float:
    counters = telemetry._processes.summary().counters
    return sum(
        amount
        for key, amount in counters.items()
        if key.name == name and tags.items() <= dict(zip(key.tags, key.values, strict=True)).items()
    )


@pytest.fixture
def pair(make_telemetry: MakeTelemetry) -> tuple[Telemetry, Telemetry]:
    """Two telemetries of one service, which are as good as two processes."""
    return make_telemetry(service="pool"), make_telemetry(service="pool")


def _work(telemetry: Telemetry, times: int = 1) -> None:
    for _ in range(times):
        with telemetry.run("work"):
            pass


def _work_in_both(pair: tuple[Telemetry, Telemetry]) -> None:
    for telemetry, times in zip(pair, (3, 4), strict=True):
        _work(telemetry, times)
        telemetry.flush()


def _fold(telemetry: Telemetry) -> None:
    processes = telemetry._processes
    assert processes._slot is not None
    assert processes._life is not None
    processes._fold(processes._slot, processes._life, wait_s=1.0)


def _look_again(telemetry: Telemetry) -> None:
    telemetry._processes._looked_s = float("-inf")


def test_each_answers_for_both(pair: tuple[Telemetry, Telemetry]) -> None:
    one, other = pair
    _work_in_both(pair)

    with one.worker("a", slots=2), other.worker("b", slots=5):
        for telemetry in pair:
            telemetry.flush()
            _look_again(telemetry)
        reports = [telemetry.health() for telemetry in pair]

    assert [(7, 2, 7)] * 2 == [
        (report.completed_1h, report.active_workers, report.slots.total) for report in reports
    ]
    assert [{"others": 1, "archived": 0, "unusable": 0, "unpublished": 0}] * 2 == [
        report.telemetry["processes"] for report in reports
    ]


def test_another_service_is_none_of_its_business(make_telemetry: MakeTelemetry) -> None:
    one, other = make_telemetry(service="one"), make_telemetry(service="other")
    _work_in_both((one, other))

    assert [3, 4] == [telemetry.health().completed_1h for telemetry in (one, other)]


def test_what_is_closed_stays_counted_once_by_others_and_itself(pair: tuple[Telemetry, Telemetry]) -> None:
    one, other = pair
    _work_in_both(pair)
    other.close()
    for _ in range(2):  # before and after it is in the archive
        for telemetry in pair:
            _look_again(telemetry)
        assert [7, 7] == [telemetry.health().completed_1h for telemetry in pair]
        assert [7, 7] == [_totals(telemetry) for telemetry in pair]
        _fold(one)


def test_what_was_counted_shows_at_once_after_a_close(pair: tuple[Telemetry, Telemetry]) -> None:
    """However short a time before somebody asked."""
    one, _ = pair
    _work_in_both(pair)
    _look_again(one)
    before = one.health().completed_1h
    one.close()

    assert (7, 7, 7) == (before, one.health().completed_1h, _totals(one))


def test_a_second_life_after_a_close_counts_from_zero_beside_the_first(
    pair: tuple[Telemetry, Telemetry], settings: dict[str, object]
) -> None:
    _, other = pair
    _work_in_both(pair)
    other.close()
    other.configure(**{**settings, "service": "pool"})
    _work(other, 10)
    other.flush()

    for telemetry in pair:
        _look_again(telemetry)
    assert [17, 17] == [_totals(telemetry) for telemetry in pair]


def test_what_became_of_the_data_counts_on_over_configurations_and_lives(
    make_telemetry: MakeTelemetry, settings: dict[str, object]
) -> None:
    telemetry = make_telemetry(service="pool", log_url=None)
    totals = []
    for number in range(4):
        _work(telemetry)
        telemetry.flush()
        totals.append(_totals(telemetry, "queue.telemetry.accepted", signal="metrics"))
        if number == 2:
            telemetry.close()
        telemetry.configure(**{**settings, "service": "pool", "log_url": None})
        _look_again(telemetry)
        totals.append(_totals(telemetry, "queue.telemetry.accepted", signal="metrics"))

    once = totals[0]
    assert [once * times for times in (1, 1, 2, 2, 3, 3, 4, 4)] == totals


def test_a_second_configuration_moves_what_was_told(
    pair: tuple[Telemetry, Telemetry], settings: dict[str, object], tmp_path: Path
) -> None:
    one, other = pair
    _work_in_both(pair)
    for _ in range(3):
        other.configure(**{**settings, "service": "pool"})
    _work(other, 10)
    other.flush()

    _look_again(one)
    assert 17 == _totals(one)
    assert 2 == len(list((tmp_path / "state" / "slots").glob("*.state")))


def test_a_change_of_service_takes_along_what_was_counted(
    pair: tuple[Telemetry, Telemetry], settings: dict[str, object]
) -> None:
    """Such as what happened before `configure()` said whose it is."""
    _, other = pair
    _work_in_both(pair)

    other.configure(**{**settings, "service": "moved"})

    for telemetry in pair:
        _look_again(telemetry)
    assert [3, 4] == [_totals(telemetry) for telemetry in pair]


def test_without_a_folder_a_process_answers_for_itself(make_telemetry: MakeTelemetry, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    telemetry = make_telemetry(state_dir=str(tmp_path / "file"))
    _work(telemetry, 3)

    report = telemetry.health()

    assert (3, 1) == (report.completed_1h, report.processes)


def test_when_nothing_can_be_written_a_process_answers_for_itself_and_says_so(
    make_telemetry: MakeTelemetry, tmp_path: Path
) -> None:
    telemetry = make_telemetry()
    _work(telemetry, 3)
    telemetry.flush()
    slots = tmp_path / "state" / "slots"
    slots.rename(tmp_path / "gone")
    slots.touch()
    _work(telemetry, 4)
    telemetry.flush()
    _look_again(telemetry)

    report = telemetry.health()

    assert (7, 1) == (report.completed_1h, report.processes)
    assert 0 < report.telemetry["processes"]["unpublished"]  # type: ignore[operator] # a count


def test_idle_processes_write_nothing(make_telemetry: MakeTelemetry, tmp_path: Path) -> None:
    telemetry = make_telemetry()
    _work(telemetry)
    telemetry.flush()
    (file,) = (tmp_path / "state" / "slots").glob("*.state")

    for _ in range(50):  # what was delivered of the task itself is news yet
        before = file.read_bytes()
        telemetry._processes.tell()
        if before == file.read_bytes():
            return
    pytest.fail("it writes again and again")


def test_a_prefork_parent_and_the_probe_tell_the_truth_about_a_pool_of_which_three_are_killed(
    run_script: RunScript, statsd: StatsdServer
) -> None:
    """The parent records nothing itself; three children die inside a task, five live on."""
    said = run_script(
        _HELP
        + """
pids = []
for number in range(8):
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        with qt.worker(f"w{number}"):
            for _ in range(10): work()
            if number < 3: work(hang=True)
            qt.flush()
            os.write(ready[1], b".")
            signal.pause()
    pids.append(pid)
seen = 0
while seen < 8: seen += len(os.read(ready[0], 8))
all_there = until(lambda: qt.health().in_flight == 3 and qt.health().processes == 9 and qt.health().completed_1h >= 80)
before = qt.health()
say(before=[before.processes, before.in_flight, before.active_workers, before.completed_1h, before.failed_tasks_1h])
for pid in pids[:3]:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
until(lambda: qt.health().failed_tasks_1h == 3)
after = qt.health()
say(after=[after.processes, after.in_flight, after.active_workers, after.completed_1h, after.failed_tasks_1h])
code, out, err = probe("--json")
whole = json.loads(out)
say(probe=[code, whole["processes"], whole["in_flight"], whole["active_workers"], whole["completed_1h"], whole["failed_tasks_1h"]])
say(line=probe(), live=probe("--live")[0], ready=probe("--ready")[0])
for pid in pids[3:]:
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
until(lambda: qt.health().processes == 1)
end = qt.health()
say(end=[end.processes, end.in_flight, end.completed_1h, end.failed_tasks_1h])
""",
        service="pool",
        task_logs="none",
    ).said

    assert [
        {"before": [9, 3, 8, 80, 0]},
        {"after": [6, 0, 5, 80, 3]},
        {"probe": [0, 6, 0, 5, 80, 3]},
        {"line": [0, "healthy (6 processes, 5 workers, 0 tasks in flight)\n", ""], "live": 0, "ready": 0},
        {"end": [1, 0, 80, 3]},
    ] == said
    assert statsd.wait_until(lambda: statsd.counter("queue.tasks.failed", reason="lost") == 3)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_any_kind_are_counted(run_script: RunScript, method: str) -> None:
    """Long-lived ones while they live, and all after their end."""
    said = run_script(
        """
import multiprocessing

@qt.task("work")
def work():
    pass

def child(ready, go):
    for _ in range(5): work()
    qt.flush()
    ready.release()
    go.acquire()

if __name__ == "__main__":
    context = multiprocessing.get_context("METHOD")
    ready, go = context.Semaphore(0), context.Semaphore(0)
    children = [context.Process(target=child, args=(ready, go)) for _ in range(3)]
    for one in children: one.start()
    for _ in children: ready.acquire()
    deadline = time.monotonic() + 8
    while qt.health().processes != 4 and time.monotonic() < deadline: time.sleep(0.02)
    living = qt.health()
    for _ in children: go.release()
    for one in children: one.join()
    while qt.health().processes != 1 and time.monotonic() < deadline: time.sleep(0.02)
    dead = qt.health()
    say(living=[living.processes, living.completed_1h], dead=[dead.processes, dead.completed_1h, dead.failed_tasks_1h])
""".replace("METHOD", method),
        service="pool",
        task_logs="none",
    ).said

    assert [{"living": [4, 15], "dead": [1, 15, 0]}] == said


@pytest.mark.parametrize(
    "children", [40, pytest.param(3000, marks=[pytest.mark.acceptance, pytest.mark.timeout(600)])]
)
def test_a_fork_for_each_job_is_counted_to_the_last_and_leaves_few_files(
    run_script: RunScript, tmp_path: Path, children: int
) -> None:
    """Each child does one task and ends in `os._exit` at once; every tenth is killed inside its task."""
    said = run_script(
        f"""
        CHILDREN = {children}

        @qt.task("work")
        def work():
            pass

        @qt.task("doomed")
        def doomed():
            qt.flush()
            os.kill(os.getpid(), signal.SIGKILL)

        most = 0
        for number in range(CHILDREN):
            pid = os.fork()
            if not pid:
                doomed() if number % 10 == 9 else work()
                os._exit(0)
            os.waitpid(pid, 0)
            if number % 100 == 0:
                most = max(most, sum(len(files) for _, _, files in os.walk(os.environ["QUEUE_TELEMETRY_STATE_DIR"])))
        report = qt.health()
        say(counted=[report.completed_1h, report.failed_tasks_1h, report.in_flight, report.processes], most=most)
        """,
        service="pool",
        task_logs="none",
        flush_each_task=True,
        timeout_s=600.0 if children > 100 else 15.0,
    ).said[0]

    assert [children - children // 10, children // 10, 0, 1] == said["counted"]
    assert said["most"] < 100


_CHURN = """
import os, sys
import queue_telemetry as qt

@qt.task("work")
def work():
    pass

print(flush=True)
while True:
    work()
"""


@pytest.fixture
def churners(tmp_path: Path) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Eight processes that do tasks as fast as they can, and tell at the end of each."""
    environment = {
        **os.environ,
        "QUEUE_TELEMETRY_STATE_DIR": str(tmp_path / "state"),
        "QUEUE_TELEMETRY_SERVICE": "pool",
        "QUEUE_TELEMETRY_STATSD_PORT": "9",
        "QUEUE_TELEMETRY_FLUSH_EACH_TASK": "true",
    }
    running = [
        subprocess.Popen([sys.executable, "-c", _CHURN], env=environment, stdout=subprocess.PIPE)
        for _ in range(8)
    ]
    try:
        for process in running:
            assert process.stdout is not None
            process.stdout.readline()
        yield running
    finally:
        for process in running:
            process.kill()
            process.communicate()


def test_counters_never_fall_for_any_reader_while_processes_are_killed(
    churners: list["subprocess.Popen[bytes]"], make_telemetry: MakeTelemetry
) -> None:
    """Two readers, one of which archives the dead while the other looks."""
    archivist, reader = make_telemetry(service="pool"), make_telemetry(service="pool")
    _work(archivist)
    _work(reader)
    counts: list[tuple[float, float]] = []

    def look(times: int) -> None:
        for number in range(times):
            _look_again(reader)
            counts.append((_totals(reader, "queue.tasks.started"), _totals(reader, "queue.tasks.failed")))
            if number % 5 == 0:
                _fold(archivist)

    look(10)
    for process in churners:
        os.kill(process.pid, signal.SIGKILL)
        look(10)
        process.wait(10)
        look(10)

    started, failed = zip(*counts, strict=True)
    assert list(started) == sorted(started)
    assert list(failed) == sorted(failed)
    assert started[-1] > 8
    ended = _totals(reader) + _totals(reader, "queue.tasks.failed")
    assert started[-1] == ended


def test_what_a_killed_process_had_in_flight_is_told_once_to_statsd(
    make_telemetry: MakeTelemetry, statsd: StatsdServer, tmp_path: Path
) -> None:
    telemetries = [make_telemetry(service="pool") for _ in range(3)]
    dying = telemetries[0]
    run = dying.run("work", queue="mail").start()
    for telemetry in telemetries:
        _work(telemetry)
        telemetry.flush()
    dying._processes._slot.close()  # type: ignore[union-attr] # as a kill does

    for _ in range(2):
        for telemetry in telemetries[1:]:
            _fold(telemetry)
            telemetry.flush()

    assert statsd.wait_until(lambda: statsd.counter("queue.tasks.failed") >= 1)
    assert 1 == statsd.counter("queue.tasks.failed", queue="mail", type="work", reason="lost")
    assert [] == statsd.refused
    run.finish()


def test_the_probe_and_a_process_agree(make_telemetry: MakeTelemetry, tmp_path: Path) -> None:
    telemetry = make_telemetry(service="pool", health_min_workers=2)
    _work(telemetry)
    with telemetry.worker("only"):
        telemetry.flush()
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "queue_telemetry.cli",
                "health",
                "--json",
                "--state-dir",
                str(tmp_path / "state"),
            ],
            capture_output=True,
            text=True,
            timeout=15,
            check=False,
        )
        report = telemetry.health().as_dict()

    told = json.loads(done.stdout)
    assert 1 == done.returncode
    left_out = {"observed_at", "telemetry", "performance"}
    assert {key: value for key, value in report.items() if key not in left_out} == {
        key: value for key, value in told.items() if key not in left_out
    }
    assert ("unhealthy", ["workers_below_minimum"]) == (told["status"], told["reasons"])


def test_a_run_that_was_told_in_flight_and_then_its_end_is_not_lost_too(run_script: RunScript) -> None:
    """Others saw it in flight, it ended and was told so, and then its process was no more."""
    said = run_script(
        """
        @qt.task("work", task_id="task_id")
        def work(task_id, during=lambda: None):
            during()

        def as_a_tick_does():
            from queue_telemetry.api import default_telemetry as telemetry
            telemetry._collect()
            telemetry._processes.tell()

        for number in range(4):
            pid = os.fork()
            if not pid:
                work("first")
                if number % 2:
                    beside = qt.run("beside").start()
                work("second", as_a_tick_does)
                os._exit(0)
            os.waitpid(pid, 0)
        report = qt.health()
        say(counted=[report.completed_1h, report.failed_tasks_1h])
        """,
        service="pool",
        task_logs="none",
        flush_each_task=True,
    ).said

    assert [{"counted": [8, 2]}] == said


def test_a_folder_that_is_cleaned_away_is_made_again_by_who_has_nothing_new_too(
    make_telemetry: MakeTelemetry, tmp_path: Path
) -> None:
    first = make_telemetry()
    _work(first, 3)
    assert first.flush()
    shutil.rmtree(tmp_path / "state")

    first._processes._told_s = 0.0
    assert first._processes.tell()

    second = make_telemetry()
    _work(second, 4)
    _look_again(second)
    assert 7 == second.health().completed_1h
