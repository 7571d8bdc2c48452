"""Newline-delimited JSON."""

import pytest

from queue_telemetry.logs._answer import Answer, Failure
from queue_telemetry.logs._verdict import Action
from queue_telemetry.logs.formats import NdjsonFormat


def test_the_very_lines_are_the_body() -> None:
    lines = bytearray(b'{"a":1}\n{"a":2}\n')

    assert NdjsonFormat().body(lines) is lines


def test_the_content_type_is_exact() -> None:
    assert {"content-type": "application/x-ndjson"} == NdjsonFormat().headers


@pytest.mark.parametrize(
    ("answer", "action"),
    [
        (Answer(204), Action.DECIDED),
        (Answer(200, body=b"\xff not json"), Action.DECIDED),
        (Answer(400), Action.BISECT),
        (Answer(403), Action.PARK),
        (Answer(413), Action.SPLIT),
        (Answer(503), Action.RETRY),
        (Answer(None, Failure.CONNECT), Action.RETRY),
    ],
)
def test_answers_are_judged_by_status(answer: Answer, action: Action) -> None:
    assert action is NdjsonFormat().read(answer, 3).action
