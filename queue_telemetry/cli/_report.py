"""The whole report of a service's processes on this host, for the probe command: it loads what reads their counts."""

import json
import time
from dataclasses import replace
from pathlib import Path

from queue_telemetry.healthcheck import evaluate
from queue_telemetry.healthcheck.household import Household
from queue_telemetry.healthcheck.together import from_outside

__all__ = ["report_as_json"]


def report_as_json(state_dir: Path, service: str | None) -> tuple[str, bool, bool, bool] | None:
    """Return the report as JSON, and whether it is well, live and ready; None when no process lives.

    The process that told last says from where on something is wrong, and the last one that evaluated often enough what
    holds; where none did, nothing does that swings.
    """
    now_s, epoch_s = time.monotonic(), time.time()
    everybody = Household(state_dir, service).look(now_s, epoch_s)
    if not everybody.living:
        return None
    present = from_outside(everybody.living)
    snapshot = everybody.summary.snapshot(now_s, epoch_s)
    report = evaluate(snapshot, present.facts, present.thresholds, present.settled or frozenset())
    report = replace(report, processes=len(everybody.processes))
    return json.dumps(report.as_dict()), report.http_status == 200, report.live, report.ready
