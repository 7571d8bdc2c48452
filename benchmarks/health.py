"""What `health()` costs, by the number of task types, at rest and while they run."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from benchmarks.measure import Case, Effort, measure
from benchmarks.ours import measured
from benchmarks.table import print_table
from queue_telemetry import Telemetry

__all__ = ["compare"]

_TYPES: Final = (1, 100, 10_000)
_BUDGET_US: Final = {"100 types, none ran since": 200.0}
_CASES: Final = ("none ran since", "one ran since", "a tenth ran since")


def _nop() -> None: ...


def compare(port: int, effort: Effort) -> None:
    """Measure and print it. A call of the table is one of `health()`, in a process without others beside it."""
    with ExitStack() as stack:
        cases: list[Case] = []
        for number in _TYPES:
            telemetry = stack.enter_context(measured(port))
            tasks = [telemetry.task(f"type-{at}")(_nop) for at in range(number)]
            for task in tasks:
                task()
            for name, some in zip(_CASES, ([], tasks[:1], tasks[: number // 10]), strict=True):
                if some or name == _CASES[0]:
                    cases.append(Case(f"{number:,} types, {name}", _asked(telemetry, some)))
        times = measure(cases, effort)
    print_table(
        "health(): us of CPU, with the collection in it",
        ("", "us", "budget", ""),
        [
            (name, f"{price_ns / 1e3:.0f}", *_verdict(name, price_ns / 1e3))
            for name, price_ns in times.items()
        ],
    )


def _asked(telemetry: Telemetry, tasks: list[Callable[[], None]]) -> Callable[[int], None]:
    """Return what runs *tasks* once and asks, again and again."""

    def work(calls: int) -> None:
        for _ in range(calls):
            for task in tasks:
                task()
            telemetry.health()

    return work


def _verdict(name: str, price_us: float) -> tuple[str, str]:
    budget_us = _BUDGET_US.get(name)
    if budget_us is None:
        return "", ""
    return f"<= {budget_us:.0f}", "ok" if price_us <= budget_us else "OVER"
