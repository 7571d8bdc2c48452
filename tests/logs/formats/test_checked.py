"""What a user's format returns is checked before it is sent or believed."""

from typing import Any

import pytest

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._endpoint import Endpoint
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


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("name", None, "is None: should be a text that is not empty"),
        ("name", "", "is '': should be a text that is not empty"),
        ("max_records", 0, "is 0: should be a whole number above 0"),
        ("max_records", "5", "is '5': should be a whole number above 0"),
        ("max_records", True, "is True: should be a whole number above 0"),
        ("max_batch_bytes", -1, "is -1: should be a whole number above 0"),
        ("max_record_bytes", 1.5, "is 1.5: should be a whole number above 0"),
        ("max_answer_bytes", None, "is None: should be a whole number above 0"),
        ("max_age_s", None, "is None: should be seconds above 0"),
        ("max_age_s", float("nan"), "is nan: should be seconds above 0"),
        ("headers", {"x": 5}, "gives dict: should be names to values, as text"),
        ("headers", None, "gives NoneType: should be names to values, as text"),
        ("name", property(lambda _: 1 / 0), "raises ZeroDivisionError: should be a text that is not empty"),
    ],
)
def test_a_member_of_the_wrong_kind_is_a_configuration_error(member: str, value: object, words: str) -> None:
    own = type("Own", (NdjsonFormat,), {member: value})()

    with pytest.raises(ConfigurationError) as caught:
        format_for(own, "https://c.test")

    assert f"LOG_FORMAT: Own.{member} {words}" == str(caught.value)


@pytest.mark.parametrize(
    ("member", "returned", "words"),
    [
        ("url", "nonsense", "gives str: should be an http or https URL"),
        ("url", "https://c.test/\n", "gives str: should be an http or https URL"),
        ("url", "https://c.test:99999/", "gives str: should be an http or https URL"),
        ("url", None, "gives NoneType: should be an http or https URL"),
        ("authorization", None, "gives NoneType: should be names to values, as text"),
        ("authorization", {"x-key": b"t0k"}, "gives dict: should be names to values, as text"),
    ],
)
def test_what_is_no_address_or_no_header_is_a_configuration_error(
    member: str, returned: object, words: str
) -> None:
    own = type("Own", (NdjsonFormat,), {member: lambda *_: returned})()

    with pytest.raises(ConfigurationError) as caught:
        Endpoint.parse("https://c.test", "t0k", {}, format_for(own, "https://c.test"))

    assert f"LOG_FORMAT: Own.{member} {words}" == str(caught.value)
