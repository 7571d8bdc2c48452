"""What a user's format returns is checked before it is sent or believed."""

from typing import Any

import pytest

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Verdict
from queue_telemetry.logs.formats import NdjsonFormat, format_for


class Wrong(NdjsonFormat):
    """As a user may write it."""

    def body(self, lines: bytearray) -> Any:
        return lines.decode()

    def read(self, answer: Answer, records: int) -> Any:
        return None


def test_a_body_that_is_text_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"Wrong\.body returned str, not bytes"):
        format_for(Wrong(), "https://c.test").body(bytearray(b"{}\n"))


def test_a_verdict_that_is_none_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"Wrong\.read returned NoneType, no Verdict"):
        format_for(Wrong(), "https://c.test").read(Answer(200), 1)


def test_what_is_right_passes() -> None:
    checked, lines = format_for(NdjsonFormat(), "https://c.test"), bytearray(b"{}\n")

    assert checked.body(lines) is lines
    assert isinstance(checked.read(Answer(200), 1), Verdict)
