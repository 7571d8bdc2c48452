"""A window into datagrams, piece by piece, so that a flush can stop in between and go on later."""

from collections.abc import Iterator, Mapping

from queue_telemetry._runtime import DropReason, say
from queue_telemetry.metrics import Kind, Series
from queue_telemetry.statsd._aggregate import Window
from queue_telemetry.statsd._books import Books, Line
from queue_telemetry.statsd._naming import Rendered, SeriesNames
from queue_telemetry.statsd._numbers import decimal_text
from queue_telemetry.statsd._pipeline import Pipeline
from queue_telemetry.statsd._self_metrics import SelfMetrics
from queue_telemetry.statsd.client import StatsClient

__all__ = ["Rendering"]

_VALUES_A_PIECE = 1024  # a few dozen datagrams: what is written before the socket has its turn


class Rendering:
    """Writes lines into pipelines of the client. What is written and what is not yet, the books know.

    Args:
        client: Makes the pipelines.
        names: How each series is called.
        timer_type: The line type of timings.
        self_metrics: What is sent behind each window.
    """

    def __init__(
        self, client: StatsClient, names: SeriesNames, *, timer_type: str, self_metrics: SelfMetrics
    ) -> None:
        self._client = client
        self._names = names
        self._timer_type = timer_type
        self._self_metrics = self_metrics

    def lines(self, window: Window, *, news_only: bool = False) -> tuple[Line, ...]:
        """Return what is to be written of a window; a sample of timings is drawn here, once.

        *news_only* leaves out gauges that nobody set in it.
        """
        calls = window.set_gauges
        lines = (
            *(
                Line(series, window.gauges[series], calls.get(series, 0))
                for series in (calls if news_only else window.gauges)
            ),
            *(Line(series, sum_, weight) for series, (sum_, weight) in window.counters.items()),
            *_timing_lines(window),
        )
        for line in lines:  # all are named before any is written: one may change what another is called
            self._names[line.series]
        return lines

    def write_piece(self, books: Books) -> Books:
        """Return the page on which the next lines are in datagrams, with the library's own behind the last."""
        lines, at, values = books.lines or (), books.line, 0
        pipeline = self._client.pipeline()
        lost: dict[DropReason, int] = {}
        while at < len(lines) and values < _VALUES_A_PIECE:
            line = lines[at]
            reason, weight = self._write(pipeline, line)
            if weight:
                lost[reason] = lost.get(reason, 0) + weight
            values += line.values
            at += 1
        if at == len(lines):
            self._write_self_metrics(pipeline, books.told)
        for reason in lost:
            say(f"statsd_{reason}", "Measurements are not sent: %s", reason)
        return books.with_written(at, tuple(iter(pipeline.pop, None)), lost)

    def _write(self, pipeline: Pipeline, line: Line) -> tuple[DropReason, int]:
        """Write a line; return the weight that could not be written, and why."""
        rendered = self._names[line.series]
        if rendered is None:
            return DropReason.INVALID, line.weight
        if isinstance(line.value, list):
            lost = pipeline.put_timings(rendered, line.value, self._timer_type, line.calls_each)
            return DropReason.OVERSIZE, lost
        number = decimal_text(line.value)
        if number is None:
            return DropReason.INVALID, line.weight
        fits = _put_number(pipeline, line, rendered, number)
        return DropReason.OVERSIZE, 0 if fits else line.weight

    def _write_self_metrics(self, pipeline: Pipeline, told: Mapping[Series, int]) -> None:
        for total in self._self_metrics.totals():
            grown = total.units - told.get(total.series, 0)
            rendered = self._names[total.series] if grown > 0 else None
            if rendered is not None and not pipeline.put(rendered, f"{grown}|c", 0, total):
                say("statsd_self_metrics", "%s is too long to be sent", rendered.name)


def _put_number(pipeline: Pipeline, line: Line, rendered: Rendered, number: str) -> bool:
    if line.series.metric.kind is Kind.GAUGE:
        return pipeline.put_gauge(rendered, number, line.calls_each)
    return pipeline.put(rendered, f"{number}|c", line.calls_each)


def _timing_lines(window: Window) -> Iterator[Line]:
    for series, timing in window.timings.items():
        for calls, durations_s in timing.weighted():
            for start in range(0, len(durations_s), _VALUES_A_PIECE):
                yield Line(series, durations_s[start : start + _VALUES_A_PIECE], calls)
