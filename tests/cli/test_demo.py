"""The demo ends with 0 when everything arrived, and says what did not."""

import json
import signal
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]

LOSSY_DEMO = """
    import sys
    from queue_telemetry.cli._demo import run_demo
    from queue_telemetry.testing import Collector, StatsdServer

    class ForgetfulServer(StatsdServer):
        def counter(self, name, /, **tags):
            return super().counter(name, **tags) - {forgotten}

    class ForgetfulCollector(Collector):
        @property
        def records(self):
            return super().records[{lost}:]

    with ForgetfulServer() as statsd, ForgetfulCollector() as collector:
        sys.exit(run_demo(statsd, collector, tasks=40, hold=False))
"""


def test_the_demo_ends_well_and_shows_its_comparisons(python: Run) -> None:
    done = python("-m", "queue_telemetry.cli", "demo", "--tasks", "300")

    assert (0, "") == (done.returncode, done.stderr)
    assert "DIFFERS" not in done.stdout
    assert "comparisons are equal." in done.stdout
    assert "queue.tasks.completed resize_image" in done.stdout


def test_the_demo_prints_the_health_report(python: Run) -> None:
    output = python("-m", "queue_telemetry.cli", "demo", "--tasks", "50").stdout

    health = json.JSONDecoder().raw_decode(output[output.index("{") :])[0]
    assert "healthy" == health["status"]
    assert 50 == health["completed_1h"] + health["failed_tasks_1h"]


@pytest.mark.parametrize(
    ("forgotten", "lost", "differs"),
    [(0, 1, "differs: records"), (1, 0, "differs: queue.tasks.completed resize_image: done")],
    ids=["a record that the collector lost", "a count that the StatsD server lost"],
)
def test_a_loss_is_shown_and_ends_with_1(python: Run, forgotten: int, lost: int, differs: str) -> None:
    done = python("-c", textwrap.dedent(LOSSY_DEMO.format(forgotten=forgotten, lost=lost)))

    assert 1 == done.returncode
    assert differs in done.stdout
    assert "comparisons are equal." not in done.stdout


def test_held_it_serves_its_health_until_interrupted(environment: Mapping[str, str], tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "queue_telemetry.cli", "demo", "--tasks", "20", "--hold"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=tmp_path,
    ) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if line.startswith("Health at "))
            url = line.split()[2]
            with urllib.request.urlopen(url, timeout=5) as response:
                health = json.load(response)
            process.send_signal(signal.SIGINT)
            assert 0 == process.wait(10)
        finally:
            process.kill()  # if it did not end; does nothing to one that has

    assert "healthy" == health["status"]
