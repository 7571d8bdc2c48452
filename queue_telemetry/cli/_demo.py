"""The demo: runs the whole library against receivers on loopback, and tells whether everything arrived."""

import tempfile

from loguru import logger
from rich.console import Console

import queue_telemetry as qt
from queue_telemetry.cli._checks import PREFIX, Check, compare, sent_datagrams
from queue_telemetry.cli._hold import serve_health
from queue_telemetry.cli._screen import progress_bar, show_checks, show_health, show_summary
from queue_telemetry.cli._tally import Tally
from queue_telemetry.cli._workload import run_workload
from queue_telemetry.testing import Collector, StatsdServer

__all__ = ["run_demo"]

_START_S = 30.0
_SECONDS_A_TASK = 0.1  # fifty times what one takes; only a hang lasts longer
_FLUSH_S = 10.0
_ARRIVAL_S = 5.0


def run_demo(statsd: StatsdServer, collector: Collector, *, tasks: int, hold: bool) -> int:
    """Run *tasks* tasks, show what came of it, and compare.

    Args:
        statsd: A running server for the metrics; lines of the datadog dialect come.
        collector: A running collector for the records.
        tasks: How many tasks to enqueue.
        hold: Serve the health endpoints afterwards, until Ctrl-C.

    Returns:
        0 when what arrived equals what was done, 1 when anything differs.
    """
    console = Console()
    logger.remove()  # the terminal is for the demo; its records go to the collector
    with tempfile.TemporaryDirectory(prefix="queue_telemetry-demo-") as state_dir:
        defaults = {
            name: field.get_default(call_default_factory=True, validated_data={})
            for name, field in qt.Settings.model_fields.items()
        }
        own = {
            "service": "demo",
            "state_dir": state_dir,
            "statsd_host": statsd.host,
            "statsd_port": statsd.port,
            "statsd_dialect": "datadog",
            "statsd_prefix": PREFIX,
            "log_url": collector.url,
            "task_logs_per_error": 0,  # every failure is to be found again
        }
        qt.configure(
            **(defaults | own)
        )  # whatever the environment says: its settings are for another program
        try:
            checks = _work_and_compare(console, statsd, collector, tasks)
            if hold:
                serve_health(console)
        finally:
            closed = qt.close()  # while the receivers still listen
    if not closed:
        console.print("differs: the library did not close in time")
    return 0 if closed and all(check.equal for check in checks) else 1


def _work_and_compare(
    console: Console, statsd: StatsdServer, collector: Collector, tasks: int
) -> list[Check]:
    tally = Tally(tasks)
    with progress_bar(console) as progress:
        bar = progress.add_task("tasks", total=tasks)
        finished = run_workload(
            tally,
            on_progress=lambda ended: progress.update(bar, completed=ended),
            timeout_s=_START_S + tasks * _SECONDS_A_TASK,
        )
    flushed = qt.flush(timeout_s=_FLUSH_S)
    health = qt.health().as_dict()
    sent = sent_datagrams(health)
    arrived = statsd.wait_until(lambda: statsd.datagrams >= sent, _ARRIVAL_S)
    checks = [
        Check("all tasks ended", True, finished),
        Check("flushed in time", True, flushed),
        Check("all datagrams arrived", True, arrived),
        *compare(tally, statsd, collector, health),
    ]
    show_summary(console, tally, statsd, collector)
    show_health(console, health)
    show_checks(console, checks)
    return checks
