"""Exceptions as fields: names as in tracebacks, bounded text, no variables' values."""

from typing import Any

from queue_telemetry.logs._error import cut_middle, error_fields, stack_of


class Odd(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


def _caught(error: BaseException) -> tuple[Any, Any, Any]:
    try:
        raise error
    except BaseException as caught:
        return type(caught), caught, caught.__traceback__


def test_a_builtin_error_is_named_without_its_module() -> None:
    fields = error_fields(*_caught(ValueError("bad"))[:2], "Traceback\n")

    assert fields is not None
    assert ("ValueError", "bad", "Traceback") == (fields["type"], fields["message"], fields["stack"])
    assert 16 == len(str(fields["fingerprint"]))


def test_another_error_is_named_with_its_module() -> None:
    fields = error_fields(*_caught(Odd())[:2], "")

    assert fields is not None
    assert (f"{__name__}.Odd", "<unprintable Odd>") == (fields["type"], fields["message"])


def test_no_exception_has_no_fields() -> None:
    assert error_fields(None, None, "NoneType: None") is None


def test_a_long_stack_loses_its_middle() -> None:
    fields = error_fields(*_caught(ValueError())[:2], "a" * 50_000 + "z" * 50_000)

    assert fields is not None
    stack = str(fields["stack"])
    assert len(stack.encode()) <= 32 * 1024
    assert ("a", "z") == (stack[0], stack[-1])


def test_the_stack_holds_its_causes() -> None:
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as outer:
        stack = stack_of(type(outer), outer, outer.__traceback__)

    assert stack.index("inner") < stack.index("direct cause") < stack.index("outer")


def test_a_cut_counts_bytes_and_keeps_characters_whole() -> None:
    cut = cut_middle("€" * 1_000, 300)

    assert len(cut.encode()) <= 300
    assert {"€"} == set(cut[:5])


def test_a_text_that_fits_is_left() -> None:
    assert "€" * 100 == cut_middle("€" * 100, 300)
