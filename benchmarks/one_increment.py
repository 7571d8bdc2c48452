"""The smallest call: one counter raised by one, folding and emission included where there is any."""

from collections.abc import Callable
from typing import Final

import prometheus_client
from statsd import StatsClient

from benchmarks.call_site import function_calls
from benchmarks.measure import Case, Effort, measure, nothing
from benchmarks.ours import emit, measured
from benchmarks.peers import aggregating_client
from benchmarks.table import print_table

__all__ = ["compare"]

_OURS: Final = "ours"


def compare(port: int, effort: Effort) -> None:
    """Measure and print the price of one increment."""
    registry = prometheus_client.CollectorRegistry()
    labelled = prometheus_client.Counter("mails", "-", ("provider",), registry=registry)
    bound = labelled.labels("ses")
    statsd = StatsClient("127.0.0.1", port)
    with measured(port) as telemetry, aggregating_client(port) as datadog:
        counter = telemetry.counter("mails", provider="ses")
        tags = ["provider:ses"]
        cases = [
            Case(_OURS, _repeated(counter.increment, lambda: emit(telemetry))),
            Case(
                "ours, looked up each time",
                _repeated(
                    lambda: telemetry.counter("mails", provider="ses").increment(), lambda: emit(telemetry)
                ),
            ),
            Case("prometheus_client, labels bound", _repeated(bound.inc)),
            Case("prometheus_client, labels() each time", _repeated(lambda: labelled.labels("ses").inc())),
            Case(
                "datadogpy, aggregated",
                _repeated(lambda: datadog.increment("mails", tags=tags), datadog.flush_aggregated_metrics),
            ),
            Case("statsd as it comes", _repeated(lambda: statsd.incr("mails.ses"))),
        ]
        times = measure(cases, effort)
    print_table(
        "One increment: ns of CPU",
        ("", "ns", "ratio"),
        [(name, f"{price_ns:.0f}", f"{price_ns / times[_OURS]:.2f}x") for name, price_ns in times.items()],
    )


def _repeated(call: Callable[[], object], finish: Callable[[], object] = nothing) -> Callable[[int], None]:
    calls = function_calls(call)

    def work(number: int) -> None:
        calls(number)
        finish()

    return work
