"""A success may have taken a part only, which services tell in their own ways."""

import pytest

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Action, Rejection, Verdict
from queue_telemetry.logs.formats import JsonFormat, NdjsonFormat

_BOTH = pytest.mark.parametrize("wire_format", [JsonFormat(), NdjsonFormat()], ids=["json", "ndjson"])


@_BOTH
def test_axioms_failed_records_are_counted(wire_format: JsonFormat | NdjsonFormat) -> None:
    body = b'{"ingested":7,"failed":3,"failures":[]}'

    assert Verdict(Action.DECIDED, unnamed=3, excerpt=body.decode()) == wire_format.read(
        Answer(200, body=body), 10
    )


@_BOTH
def test_honeycombs_events_are_judged_one_by_one(wire_format: JsonFormat | NdjsonFormat) -> None:
    body = b'[{"status":202},{"status":400,"error":"bad"},{"status":429},{"status":503}]'

    assert Verdict(Action.DECIDED, (Rejection(1, 400, "bad"),), (2, 3)) == wire_format.read(
        Answer(200, body=body), 4
    )


@_BOTH
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{",
        b"[1,2]",
        b"[1,null,{}]",
        b'[{"status":"400"},{"status":true},{"status":202}]',
        b'{"ingested":3,"failed":0}',
        b'{"ingested":3}',
        b'{"failed":3}',
    ],
)
def test_what_is_no_receipt_of_losses_is_a_success(
    wire_format: JsonFormat | NdjsonFormat, body: bytes
) -> None:
    assert Verdict(Action.DECIDED) == wire_format.read(Answer(200, body=body), 3)


@_BOTH
def test_a_receipt_counts_no_more_than_there_were(wire_format: JsonFormat | NdjsonFormat) -> None:
    assert 3 == wire_format.read(Answer(200, body=b'{"ingested":0,"failed":9}'), 3).unnamed


@_BOTH
def test_a_refusal_has_no_receipt(wire_format: JsonFormat | NdjsonFormat) -> None:
    assert Action.RETRY is wire_format.read(Answer(503, body=b'{"ingested":7,"failed":3}'), 10).action
