"""The README's examples run, in one process in their order, against real receivers."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from queue_telemetry.metrics import CATALOG
from queue_telemetry.testing import Collector, StatsdServer

README = Path(__file__).parent.parent / "README.md"


def test_examples_run_and_what_they_record_arrives(tmp_path: Path) -> None:
    examples = re.findall(r"^```python\n(.*?)^```$", README.read_text(), flags=re.MULTILINE | re.DOTALL)
    script = tmp_path / "readme.py"
    script.write_text("\n".join(examples))

    with StatsdServer() as server, Collector() as collector:
        environment = {
            "QUEUE_TELEMETRY_STATSD_PORT": str(server.port),
            "QUEUE_TELEMETRY_LOG_URL": collector.url,
            "QUEUE_TELEMETRY_STATE_DIR": str(tmp_path / "state"),
        }
        ended = subprocess.run(
            [sys.executable, "-W", "error", str(script)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=15,
            check=False,
        )

        assert (0, []) == (ended.returncode, server.refused), ended.stderr
        assert 2 == server.counter("queue.tasks.completed.maintenance.cleanup_runs")
        assert 1 == server.counter("queue.tasks.retried.mail.send_mail")
        assert 1 == server.counter("mails_sent.ses")
        events = [record.get("event") for record in collector.records]
        assert 2 == events.count("task_completed")
        assert 2 == events.count("task_enqueued")


def metrics_table() -> str:
    """Return the table of all metrics: one row each, in the order of the catalog."""
    rows = ["| metric | kind | tags | what it tells |", "|---|---|---|---|"]
    rows += [
        f"| `{metric.name}` | {metric.kind} | {', '.join(metric.tags)} | {metric.help} |"
        for metric in CATALOG.values()
    ]
    return "\n".join(rows)


def test_the_metrics_are_those_of_the_catalog() -> None:
    shown = README.read_text().partition("<!-- metrics -->")[2].partition("<!-- /metrics -->")[0].strip()

    if metrics_table() != shown:
        pytest.fail(
            f"README.md needs this between the metrics markers:\n\n{metrics_table()}\n", pytrace=False
        )
