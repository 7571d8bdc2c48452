"""Refused records are in the file, or at least counted."""

import json
from pathlib import Path
from typing import Any

from queue_telemetry._runtime import DropReason
from queue_telemetry.logs._refused_records import RefusedRecords
from queue_telemetry.logs._verdict import Rejection
from queue_telemetry.logs.spool import DeadLetters


def test_each_is_written_with_its_own_status(tmp_path: Path, manual_clock: Any) -> None:
    refused = RefusedRecords(DeadLetters(tmp_path), manual_clock.clock)

    dropped = refused.take(
        [(b'{"n":1}\n', Rejection(0, 404, "no index")), (b'{"n":2}\n', Rejection(4, 0, ""))]
    )

    letters = [json.loads(line) for line in (tmp_path / "dead-letters.ndjson").read_bytes().splitlines()]
    assert [({"n": 1}, 404), ({"n": 2}, None)] == [(one["record"], one["status"]) for one in letters]
    assert {DropReason.DEAD_LETTERED: 2} == dropped


def test_without_a_file_they_are_counted(manual_clock: Any) -> None:
    refused = RefusedRecords(None, manual_clock.clock)

    assert {DropReason.REJECTED: 1} == refused.take([(b"{}\n", Rejection(0, 400, ""))])


def test_the_reason_of_a_refusal_that_names_none_is_one_letter(tmp_path: Path, manual_clock: Any) -> None:
    assert RefusedRecords(DeadLetters(tmp_path), manual_clock.clock).note(3, Rejection(0, 400, "too old"))

    (letter,) = [json.loads(line) for line in (tmp_path / "dead-letters.ndjson").read_bytes().splitlines()]
    assert ({"event": "records_refused_unnamed", "records": 3}, 400, "too old") == (
        letter["record"],
        letter["status"],
        letter["excerpt"],
    )


def test_without_a_file_a_reason_is_kept_nowhere(manual_clock: Any) -> None:
    assert not RefusedRecords(None, manual_clock.clock).note(3, Rejection(0, 400, "too old"))
