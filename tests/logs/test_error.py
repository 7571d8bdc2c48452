"""Exceptions as fields: names as in tracebacks, bounded text, no secret, no variables' values."""

from typing import Any

import pytest

from queue_telemetry.logs._error import error_fields
from queue_telemetry.logs._redaction import Redactor


class Odd(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def _fields(error: BaseException) -> dict[str, Any]:
    try:
        raise error
    except BaseException as caught:
        fields = error_fields(type(caught), caught, caught.__traceback__, Redactor().scrub)
    assert fields is not None
    return fields


def test_a_builtin_error_is_named_without_its_module() -> None:
    fields = _fields(ValueError("bad"))

    assert ["type", "message", "fingerprint", "stack"] == list(fields)
    assert ("ValueError", "bad", 16) == (fields["type"], fields["message"], len(fields["fingerprint"]))
    assert fields["stack"].startswith("Traceback (most recent call last):\n  File ")
    assert fields["stack"].endswith("\nValueError: bad")


def test_another_error_is_named_with_its_module() -> None:
    fields = _fields(Odd())

    assert (f"{__name__}.Odd", "<unprintable Odd>") == (fields["type"], fields["message"])


def test_no_exception_has_no_fields() -> None:
    assert error_fields(None, None, None, Redactor().scrub) is None


def test_a_class_without_its_exception_is_named() -> None:
    assert {"type": "ValueError", "stack": ""} == error_fields(ValueError, None, None, Redactor().scrub)


def test_a_long_message_loses_its_middle() -> None:
    fields = _fields(ValueError("a " * 5_000 + "z z" * 1_000))

    assert len(fields["message"].encode()) <= 8 * 1024
    assert ("a", "z") == (fields["message"][0], fields["message"][-1])


def test_a_long_stack_loses_its_middle() -> None:
    error: BaseException = ValueError("the root")
    for number in range(40):
        try:
            raise KeyError("x" * 2_000 + str(number)) from error
        except KeyError as caught:
            error = caught
    stack = _fields(error)["stack"]

    assert len(stack.encode()) <= 32 * 1024
    assert "ValueError: the root" in stack[:1_000]
    assert stack.endswith("39'")


@pytest.mark.parametrize("padding", [0, 8_000, 20_000])
def test_secrets_are_hidden_in_message_and_stack(padding: int) -> None:
    """Also where the message is cut between the key and the value."""
    fields = _fields(ConnectionError(f"{'x' * padding} password=S3CRET{'y' * padding}"))

    assert "S3CRET" not in str(fields)


def test_a_secret_of_the_source_line_is_hidden() -> None:
    fields = _fields(ValueError(dict(password="S3CRET")))  # noqa: C408

    assert "S3CRET" not in str(fields)


def test_a_group_has_the_fields_of_one_error_and_shows_its_leaves() -> None:
    fields = _fields(ExceptionGroup("many", [ValueError("one"), KeyError("two")]))

    assert ("ExceptionGroup", "many (2 sub-exceptions)") == (fields["type"], fields["message"])
    assert fields["stack"].index("ValueError: one") < fields["stack"].index("KeyError: 'two'")


@pytest.mark.parametrize("padding", [500, 1_500, 3_000])
def test_a_secret_is_hidden_where_a_note_is_cut(padding: int) -> None:
    error = ValueError("x")
    error.add_note(f"{'a' * 3_000} password=S3CRET\n{'z' * (992 - 7)}")
    error.add_note("Authorization: Bearer " + "S" * padding)
    fields = _fields(error)

    assert "S3CRET" not in fields["stack"]
    assert "SSS" not in fields["stack"]


def test_a_secret_is_hidden_where_a_message_is_cut() -> None:
    text = f"{'a' * 30_000} password=S3CRET\n{'z' * (8_160 - 7)}"

    assert "S3CRET" not in str(_fields(ValueError(text)))
    assert "SS" not in str(_fields(ValueError("token=" + "S" * 40_000)))


def test_each_message_is_cut_before_it_is_looked_through_and_once() -> None:
    scrubbed: list[str] = []
    error = ValueError("first " + "words " * 100_000)
    error.__cause__ = KeyError("second " + "words " * 100_000)

    def note(text: str) -> str:
        scrubbed.append(text)
        return text

    error_fields(type(error), error, None, note)

    assert ["first ", "'second "] == [text.partition("words")[0] for text in scrubbed]
    assert max(map(len, scrubbed)) < 20_000


def test_a_chain_of_long_messages_costs_no_more_than_its_stack_can_show() -> None:
    scrubbed: list[int] = []
    error: BaseException = ValueError("x")
    for _ in range(60):
        above = ValueError("words " * 5_000)
        above.__cause__ = error
        error = above

    def note(text: str) -> str:
        scrubbed.append(len(text))
        return text

    error_fields(type(error), error, None, note)

    assert sum(scrubbed) < 200_000
