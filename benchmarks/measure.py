"""Measures CPU time: every case in each round, in a new order each time, and the median of the rounds."""

import gc
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Case", "Effort", "Times", "measure", "nothing"]

Times = dict[str, float]
"""CPU nanoseconds of one call, by the name of the case."""


def nothing() -> None:
    """Do nothing, where a case needs no tidying."""


@dataclass(frozen=True, slots=True)
class Case:
    """One thing to measure.

    Attributes:
        name: What the table calls it.
        work: Makes as many calls as it is told, and whatever belongs to their price.
        tidy: What has to be done between two rounds, outside the price.
    """

    name: str
    work: Callable[[int], object]
    tidy: Callable[[], object] = nothing


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure.

    Attributes:
        calls: Calls in one round of one case.
        rounds: Rounds.
    """

    calls: int
    rounds: int


def measure(cases: Sequence[Case], effort: Effort, clock: Callable[[], int] = time.process_time_ns) -> Times:
    """Return the median price of one call of each case.

    Args:
        cases: What to measure; their names differ.
        effort: How much.
        clock: Nanoseconds of CPU: the process's counts what threads do, the thread's only the caller's.
    """
    spent_ns: dict[str, list[float]] = {case.name: [] for case in cases}
    order = random.Random(0)
    gc.collect()
    gc.freeze()  # what is loaded is no round's garbage
    for _ in range(effort.rounds + 1):
        for case in order.sample(cases, len(cases)):
            gc.collect()
            began_ns = clock()
            case.work(effort.calls)
            spent_ns[case.name].append((clock() - began_ns) / effort.calls)
            case.tidy()
    return {
        name: statistics.median(spent[1:]) for name, spent in spent_ns.items()
    }  # the first round warms up
