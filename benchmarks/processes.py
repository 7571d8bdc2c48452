"""What it costs to be one of many processes: to tell the others, to answer for all, and to ask by the probe command."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from typing import Final

from benchmarks.measure import Case, Effort, measure
from benchmarks.table import at_most, print_table
from queue_telemetry import Telemetry

__all__ = ["compare"]

_TYPES: Final = (1, 100, 1_000)
_OTHERS: Final = (0, 15)
_POOL_TYPES: Final = 100
_PROBE_BUDGET: Final = 6.0
_PYTHON_PATH: Final = str(Path(__file__).parents[1])


def _nop() -> None: ...


def compare(effort: Effort, *, rounds: int) -> None:
    """Measure and print all of it."""
    _compare_telling(effort)
    _compare_asking(effort)
    _compare_probe(rounds)


@contextmanager
def _telemetry(folder: str, service: str) -> Iterator[Telemetry]:
    telemetry = Telemetry(statsd_port=9, state_dir=folder, service=service, task_logs="none")
    try:
        yield telemetry
    finally:
        telemetry.close(0.0)


def _tasks(telemetry: Telemetry, number: int) -> list[Callable[[], None]]:
    return [telemetry.task(f"type-{at}")(_nop) for at in range(number)]


def _compare_telling(effort: Effort) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        cases = []
        for number in _TYPES:
            telemetry = stack.enter_context(_telemetry(folder, f"telling-{number}"))
            tasks = _tasks(telemetry, number)
            cases += [
                Case(f"{number:,} types, all ran", _telling(telemetry, tasks)),
                Case(f"{number:,} types, none ran", _telling(telemetry, [])),
            ]
        times = measure(cases, effort, time.thread_time_ns)
    print_table(
        "a collection and telling the other processes, once a second: us of CPU, the tasks included",
        ("", "us"),
        [(name, f"{price_ns / 1e3:.0f}") for name, price_ns in times.items()],
    )


def _telling(telemetry: Telemetry, tasks: list[Callable[[], None]]) -> Callable[[int], None]:
    def work(calls: int) -> None:
        for _ in range(calls):
            for task in tasks:
                task()
            telemetry._collect()
            telemetry._processes.tell()

    return work


def _compare_asking(effort: Effort) -> None:
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        cases = []
        for others in _OTHERS:
            service = f"asking-{others}"
            pool = [stack.enter_context(_telemetry(folder, service)) for _ in range(others + 1)]
            for telemetry in pool:
                for task in _tasks(telemetry, _POOL_TYPES):
                    task()
                telemetry.flush(0.0)
            cases += [
                Case(f"{others + 1} processes, again", _asking(pool[0], again=True)),
                Case(f"{others + 1} processes, first in a second", _asking(pool[0], again=False)),
            ]
        times = measure(cases, effort, time.thread_time_ns)
    print_table(
        f"health() for processes of {_POOL_TYPES} types each, idle: us of CPU",
        ("", "us"),
        [(name, f"{price_ns / 1e3:.0f}") for name, price_ns in times.items()],
    )


def _asking(telemetry: Telemetry, *, again: bool) -> Callable[[int], None]:
    def work(calls: int) -> None:
        for _ in range(calls):
            if not again:
                telemetry._processes._looked_s = float("-inf")
            telemetry.health()

    return work


def _compare_probe(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder, _telemetry(folder, "probed") as telemetry:
        for task in _tasks(telemetry, _POOL_TYPES):
            task()
        telemetry.flush(0.0)
        probe = ("-m", "queue_telemetry.cli", "health", "--state-dir", folder)
        commands = {
            "python -c pass": ("-c", "pass"),
            "queue-telemetry health --live": (*probe, "--live"),
            "queue-telemetry health --json": (*probe, "--json"),
        }
        spent = {name: [_cpu_s(arguments) for _ in range(rounds)] for name, arguments in commands.items()}
    floor = statistics.median(spent["python -c pass"])
    rows = []
    for name, seconds in spent.items():
        middle = statistics.median(seconds)
        budget = (
            at_most(middle / floor, _PROBE_BUDGET)
            if name.endswith("--live")
            else (f"{middle / floor:.2f}x", "", "")
        )
        rows.append((name, f"{middle * 1e3:.0f}", *budget))
    print_table("the probe command: ms of CPU", ("", "ms", "ratio", "budget", ""), rows)


def _cpu_s(arguments: tuple[str, ...]) -> float:
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": _PYTHON_PATH},
    )
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
