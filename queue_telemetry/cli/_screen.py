"""Shows the demo on the terminal."""

import json
import statistics
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from queue_telemetry.cli._checks import PREFIX, Check
from queue_telemetry.cli._jobs import TYPES
from queue_telemetry.cli._tally import Tally
from queue_telemetry.testing import Collector, StatsdServer

__all__ = ["progress_bar", "show_checks", "show_health", "show_summary"]

_EVENTS = ("enqueued", "claimed", "completed", "failed", "retried")


def progress_bar(console: Console) -> Progress:
    """Return the bar that runs along with the tasks."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def show_summary(console: Console, tally: Tally, statsd: StatsdServer, collector: Collector) -> None:
    """Print what was done, by task type, and how much traffic it made."""
    # padded sparingly, so that it fits in 80 columns
    table = Table(title="What was done", box=SIMPLE, pad_edge=False, collapse_padding=True)
    table.add_column("task type")
    for heading in (*_EVENTS, "p50 ms", "p95 ms"):
        table.add_column(heading, justify="right")
    for type_ in TYPES:
        durations = statsd.timings(f"{PREFIX}.queue.task.duration_seconds", type=type_)
        counts = (str(tally.count(event, type_)) for event in _EVENTS)
        table.add_row(type_, *counts, *_percentiles_ms(durations))
    table.add_section()
    durations = statsd.timings(f"{PREFIX}.queue.task.duration_seconds")
    table.add_row("all", *(str(tally.count(event)) for event in _EVENTS), *_percentiles_ms(durations))
    console.print(table)
    console.print(
        f"StatsD: {statsd.datagrams} datagrams, {statsd.lines} lines, {statsd.bytes} bytes, the largest"
        f" {statsd.largest_datagram_bytes} bytes",
        f"Collector: {len(collector.records)} records in {len(collector.batches)} batches",
        sep="\n",
    )


def show_health(console: Console, health: Mapping[str, object]) -> None:
    """Print the health report."""
    console.print_json(json.dumps(health))


def show_checks(console: Console, checks: Sequence[Check]) -> None:
    """Print every comparison on a line of its own, then the verdict."""
    table = Table(title="What was done against what arrived", box=SIMPLE)
    table.add_column("what", overflow="fold")
    table.add_column("done", justify="right")
    table.add_column("received", justify="right")
    table.add_column("")
    for check in checks:
        verdict = "[green]equal[/]" if check.equal else "[bold red]DIFFERS[/]"
        table.add_row(check.what, str(check.done), str(check.received), verdict)
    console.print(table)
    different = [check for check in checks if not check.equal]
    for check in different:
        console.print(f"differs: {check.what}: done {check.done}, received {check.received}", soft_wrap=True)
    if not different:
        console.print(f"All {len(checks)} comparisons are equal.")


def _percentiles_ms(durations_s: Sequence[float]) -> tuple[str, str]:
    if len(durations_s) < 2:
        return ("-", "-")
    cuts = statistics.quantiles(durations_s, n=20, method="inclusive")
    return (f"{cuts[9] * 1000:.1f}", f"{cuts[18] * 1000:.1f}")
