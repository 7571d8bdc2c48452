"""Newline-delimited JSON."""

import pytest

from queue_telemetry.logs._answer import Answer, Failure
from queue_telemetry.logs._retry import Verdict
from queue_telemetry.logs.formats import NdjsonFormat


def test_lines_are_the_body() -> None:
    assert b'{"a":1}\n{"a":2}\n' == NdjsonFormat().body(bytearray(b'{"a":1}\n{"a":2}\n'))


def test_content_type_is_exact() -> None:
    assert "application/x-ndjson" == NdjsonFormat().content_type


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (Answer(204), Verdict.DELIVERED),
        (Answer(400), Verdict.REJECTED),
        (Answer(403), Verdict.MISCONFIGURED),
        (Answer(503), Verdict.RETRY),
        (Answer(None, Failure.CONNECT), Verdict.RETRY),
    ],
)
def test_answers_are_judged_by_status(answer: Answer, verdict: Verdict) -> None:
    assert verdict is NdjsonFormat().judge(answer)
