"""Row 1: what a decorator adds on the caller's thread, as a multiple of a floor that only reads the clock twice."""

import time
from collections.abc import Callable
from typing import Any, Final

from benchmarks import floor
from benchmarks.call_site import coroutine_calls, function_calls
from benchmarks.measure import Case, Effort, Times, measure
from benchmarks.ours import emit, measured
from benchmarks.table import at_most, print_table
from queue_telemetry import Telemetry

__all__ = ["compare"]

_MARKS: Final = "marks only (@timer)"
_BARE: Final = "bare @task, current() readable"
_TRACKED: Final = "@task(task_id=, headers=)"
_BUDGETS: Final = {_MARKS: 1.5, _BARE: 2.5, _TRACKED: 4.0}
_PLAIN: Final = "plain"
_FLOOR: Final = "floor"
_PLAIN_2: Final = "plain, two arguments"
_FLOOR_2: Final = "floor, two arguments"


def nop() -> None: ...


def cleanup(run_id: int, headers: object = None) -> None: ...


async def async_nop() -> None: ...


async def async_cleanup(run_id: int, headers: object = None) -> None: ...


def compare(port: int, effort: Effort) -> None:
    """Measure and print row 1, plain functions and coroutine functions apart."""
    with measured(port) as telemetry:
        _prove_current(telemetry)
        functions = _cases(telemetry, function_calls, floor.function, nop, cleanup)
        _print("plain functions", measure(functions, effort, time.thread_time_ns))
        coroutines = _cases(telemetry, coroutine_calls, floor.coroutine, async_nop, async_cleanup)
        _print("coroutine functions", measure(coroutines, effort, time.thread_time_ns))


def _cases(
    telemetry: Telemetry,
    calls: Callable[..., Callable[[int], None]],
    floored: Callable[[Callable[..., Any]], Callable[..., Any]],
    bare: Callable[..., Any],
    with_two: Callable[..., Any],
) -> list[Case]:
    """Return each way to wrap two functions, one without arguments and one that takes an id and headers."""
    with telemetry.enqueue("cleanup") as publish:
        arguments = (7, publish.headers)
    tracked = telemetry.task(task_id="run_id", headers="headers")(with_two)
    works = {
        _PLAIN: calls(bare),
        _FLOOR: calls(floored(bare)),
        _MARKS: calls(telemetry.timer("render")(bare)),
        _BARE: calls(telemetry.task(bare)),
        _PLAIN_2: calls(with_two, *arguments),
        _FLOOR_2: calls(floored(with_two), *arguments),
        _TRACKED: calls(tracked, *arguments),
    }
    return [Case(name, work, lambda: emit(telemetry)) for name, work in works.items()]


def _prove_current(telemetry: Telemetry) -> None:
    """Show that a wrapper as it is measured does what its price includes."""

    @telemetry.task
    def asks() -> object:
        return telemetry.current()

    if asks() is None or telemetry.current() is not None:
        raise RuntimeError("current() does not follow the task")


def _print(kind: str, times: Times) -> None:
    rows = []
    for name, budget in _BUDGETS.items():
        plain, lowest = (_PLAIN_2, _FLOOR_2) if name == _TRACKED else (_PLAIN, _FLOOR)
        floor_ns, added_ns = times[lowest] - times[plain], times[name] - times[plain]
        rows.append((name, f"{floor_ns:.0f}", f"{added_ns:.0f}", *at_most(added_ns / floor_ns, budget)))
    print_table(
        f"Added on the caller's thread, {kind}, logs off: ns a call",
        ("", "floor", "added", "ratio", "budget", ""),
        rows,
    )
