"""Row 2: all the CPU that one task costs, with folding and emission, beside the peers doing the same."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from benchmarks import peers
from benchmarks.call_site import function_calls
from benchmarks.measure import Case, Effort, Times, measure
from benchmarks.ours import EVERY_SAMPLE, emit, measured
from benchmarks.table import at_least, print_table
from queue_telemetry import Telemetry

__all__ = ["compare"]

_CAPPED_PLAIN: Final = "ours, statsd dialect, sample cap working"
_CAPPED_PACKED: Final = "ours, datadog dialect, sample cap working"
_PLAIN: Final = "ours, statsd dialect, every sample"
_PACKED: Final = "ours, datadog dialect, every sample"
_PROMETHEUS: Final = "prometheus_client, labels bound"
_DATADOG: Final = "datadogpy, aggregated and buffered"
_STATSD: Final = "statsd as it comes"
_PIPELINE: Final = "statsd, long-lived pipeline"

_BUDGETS: Final = (
    (_PROMETHEUS, _CAPPED_PLAIN, 2.5),
    (_PROMETHEUS, _CAPPED_PACKED, 2.5),
    (_PROMETHEUS, _PACKED, 2.0),
    (_PROMETHEUS, _PLAIN, 1.5),
    (_DATADOG, _PACKED, 6.0),
    (_STATSD, _PLAIN, 20.0),
    (_PIPELINE, _PLAIN, 2.5),
)


def _nop() -> None: ...


def compare(port: int, effort: Effort) -> None:
    """Measure and print row 2."""
    with ExitStack() as stack:
        tasks = {
            _CAPPED_PLAIN: _ours(stack.enter_context(measured(port))),
            _CAPPED_PACKED: _ours(stack.enter_context(measured(port, dialect="datadog"))),
            _PACKED: _ours(stack.enter_context(measured(port, dialect="datadog", max_samples=EVERY_SAMPLE))),
            _PLAIN: _ours(stack.enter_context(measured(port, max_samples=EVERY_SAMPLE))),
            _PROMETHEUS: peers.prometheus_task(_nop),
            _PIPELINE: peers.statsd_pipeline_task(port, _nop),
            _DATADOG: peers.datadog_task(stack.enter_context(peers.aggregating_client(port)), _nop),
            _STATSD: peers.statsd_task(port, _nop),
        }
        _print(measure([Case(name, _rounds(*task)) for name, task in tasks.items()], effort))


def _ours(telemetry: Telemetry) -> peers.Task:
    return telemetry.task(_nop), lambda: emit(telemetry)


def _rounds(task: Callable[[], object], finish: Callable[[], object]) -> Callable[[int], None]:
    """Return what runs a round of tasks and sends what it left, all of it at the task's price."""
    run_tasks = function_calls(task)

    def work(calls: int) -> None:
        run_tasks(calls)
        finish()

    return work


def _print(times: Times) -> None:
    print_table(
        "One whole task, folding and emission included: ns of CPU",
        ("", "ns"),
        [(name, f"{price_ns:.0f}") for name, price_ns in times.items()],
    )
    print_table(
        "How much cheaper ours is",
        ("", "than", "ratio", "budget", ""),
        [(ours, peer, *at_least(times[peer] / times[ours], budget)) for peer, ours, budget in _BUDGETS],
    )
