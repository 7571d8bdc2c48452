"""Carbon's own reader takes the exported sections and finds the right one for each name of the daemon's."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from queue_telemetry.export import exported
from queue_telemetry.settings import Settings

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]

_READ = """
import json, sys
from carbon.conf import settings
settings["CONF_DIR"] = sys.argv[1]
from carbon import storage
schemas, aggregations = storage.loadStorageSchemas(), storage.loadAggregationSchemas()

def first(sections, name):
    return next(section for section in sections if section.matches(name))

said = {}
for name in json.loads(sys.argv[2]):
    aggregation = first(aggregations, name)
    archives = [archive.getTuple() for archive in first(schemas, name).archives]
    said[name] = [first(schemas, name).name, archives, list(aggregation.archives)]
print(json.dumps(said))
"""
_KEPT = [[10, 2160], [60, 10080], [600, 52560]]  # seconds a point, points


def test_each_name_finds_its_section(installed: Callable[..., str], tmp_path: Path) -> None:
    for file in exported(Settings(), "carbon"):
        (tmp_path / Path(file.path).name).write_text(file.text)
    methods = {
        "stats.counters.queue.tasks.completed.mail.send.count": "sum",
        "stats.counters.queue.tasks.completed.count;queue=mail;type=send": "sum",
        "stats.timers.queue.task.duration.mail.send.completed.upper_90": "max",
        "stats.timers.queue.task.duration.mail.send.completed.mean": "average",
        "stats.gauges.queue.size.mail": "max",
        "stats.gauges.queue.active_workers.h1.0": "average",
    }
    python = installed("carbon's python", Path("graphite", "bin", "python"))

    done = subprocess.run(
        [python, "-c", _READ, str(tmp_path), json.dumps(list(methods))],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert 0 == done.returncode, done.stderr
    expected = {name: ["queue_telemetry", _KEPT, [0.0, method]] for name, method in methods.items()}
    assert expected == json.loads(done.stdout.splitlines()[-1])
