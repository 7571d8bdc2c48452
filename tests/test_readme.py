"""The README's examples run, in one process in their order, against real receivers."""

import json
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from queue_telemetry.logs import Redactor
from queue_telemetry.logs.formats import FORMATS
from queue_telemetry.logs.spool import DeadLetters
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


def between(marker: str) -> str:
    return README.read_text().partition(f"<!-- {marker} -->")[2].partition(f"<!-- /{marker} -->")[0].strip()


RECORD = (
    b'{"timestamp":"2025-11-05T10:15:30.123456Z","level":"INFO","message":"mail sent",'
    b'"service":"billing","env":"prod","host":"h1","record_id":"r-1"}\n'
)


def one_record_in_each_format() -> str:
    """Return what each format makes of one record, in the order of the table above it."""
    parts = []
    for name, make in FORMATS.items():
        wire_format = make("https://h")
        path = wire_format.url("https://h").removeprefix("https://h").partition("?")[0]
        body = bytes(wire_format.body(bytearray(RECORD))).decode().rstrip()
        parts.append(f"`{name}`{f', POST {path}' if path else ''}:\n\n```json\n{body}\n```")
    return "\n\n".join(parts)


def test_one_record_is_shown_in_each_format() -> None:
    if one_record_in_each_format() != between("formats"):
        pytest.fail(
            f"README.md needs this between the formats markers:\n\n{one_record_in_each_format()}\n",
            pytrace=False,
        )


def test_what_is_masked_is_masked_so() -> None:
    rows = re.findall(r"^\| `(.+?)` \| `(.+?)` \|$", between("masked"), flags=re.MULTILINE)

    assert [masked for _, masked in rows] == [Redactor().scrub(text) for text, _ in rows]
    assert len(rows) > 6


def test_a_dead_letter_is_written_as_it_is_shown(tmp_path: Path) -> None:
    (shown,) = re.findall(r"^\{\"record\":.*$", README.read_text(), flags=re.MULTILINE)
    letter = json.loads(shown)
    line = json.dumps(letter["record"], separators=(",", ":")).encode()
    at_s = datetime.fromisoformat(letter["at"]).timestamp()

    DeadLetters(tmp_path / "spool").append(
        line, status=letter["status"], excerpt=letter["excerpt"], at_s=at_s
    )

    assert f"{shown}\n" == (tmp_path / "spool" / "dead-letters.ndjson").read_text()


def test_the_metrics_are_those_of_the_catalog() -> None:
    if metrics_table() != between("metrics"):
        pytest.fail(
            f"README.md needs this between the metrics markers:\n\n{metrics_table()}\n", pytrace=False
        )
