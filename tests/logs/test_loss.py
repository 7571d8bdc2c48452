"""What is told downstream about records that were lost."""

import json
import os

from queue_telemetry._runtime import DropReason
from queue_telemetry.logs.loss import LossReport


def test_losses_are_told_by_reason_with_their_time_span() -> None:
    line = LossReport({"service": "billing", "host": "h1"})(
        {DropReason.OVERFLOW: 3, DropReason.REJECTED: 1}, 1_700_000_000.25, 1_700_000_060.5
    )

    record = json.loads(line)
    assert (1, True) == (line.count(b"\n"), line.endswith(b"\n"))
    assert record.pop("timestamp").endswith("Z")
    assert record.pop("record_id").endswith("-loss")
    assert {
        "level": "WARNING",
        "event": "telemetry_loss",
        "message": "4 log records were lost: 3 overflow, 1 rejected",
        "service": "billing",
        "host": "h1",
        "pid": os.getpid(),
        "logger": "queue_telemetry",
        "dropped": {"overflow": 3, "rejected": 1},
        "from": "2023-11-14T22:13:20.250000Z",
        "to": "2023-11-14T22:14:20.500000Z",
    } == record


def test_reasons_without_a_loss_are_left_out() -> None:
    record = json.loads(LossReport({})({"overflow": 2, "expired": 0}, 0.0, 1.0))

    assert {"overflow": 2} == record["dropped"]


def test_each_report_has_an_id_of_its_own() -> None:
    report = LossReport({})
    ids = {json.loads(report({"overflow": 1}, 0.0, 1.0))["record_id"] for _ in range(100)}

    assert 100 == len(ids)
