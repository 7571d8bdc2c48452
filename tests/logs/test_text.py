"""Text that JSON can hold."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.logs._text import clean_text, cut_end, cut_middle, name_of, text_of


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")


class Nameless(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("no")


class Sly(str):
    """Says something else than it is."""

    __slots__ = ()

    def __str__(self) -> str:
        return self

    def isascii(self) -> bool:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (Unprintable(), "<unprintable Unprintable>"),
        (Nameless("Odd", (Unprintable,), {})(), "<unprintable object>"),
        (Sly("x"), "x"),
    ],
    ids=["number", "unprintable", "nameless", "sly"],
)
def test_any_value_has_a_text(value: object, text: str) -> None:
    found = text_of(value)

    assert (str, text) == (type(found), found)


class SoftTimeLimitExceeded(Exception):
    """As celery names it."""


def over(_: object) -> str:
    raise SoftTimeLimitExceeded


@pytest.mark.parametrize(
    ("ask", "value"),
    [
        (text_of, type("Slow", (), {"__str__": over})()),
        (name_of, type("Meta", (type,), {"__name__": property(over)})("Slow", (), {})()),
    ],
    ids=["text", "name"],
)
def test_a_task_s_time_limit_is_passed_on(ask: Callable[[object], str], value: object) -> None:
    with pytest.raises(SoftTimeLimitExceeded):
        ask(value)


def test_a_value_s_class_has_a_name() -> None:
    assert "Sly" == name_of(Sly())


def test_what_utf_8_cannot_hold_is_replaced() -> None:
    assert "?é?" == clean_text("\ud800é\udfff")


@given(st.text(st.characters()), st.integers(64, 400))
def test_a_cut_text_fits(text: str, max_bytes: int) -> None:
    assert len(cut_middle(text, max_bytes).encode("utf-8", "replace")) <= max_bytes


def test_a_cut_counts_bytes_and_keeps_characters_whole() -> None:
    cut = cut_middle("€" * 1_000, 300)

    assert len(cut.encode()) <= 300
    assert {"€"} == set(cut[:5])
    assert "characters cut" in cut


def test_a_text_that_fits_is_left() -> None:
    assert "€" * 100 == cut_middle("€" * 100, 300)


def test_a_text_that_is_short_enough_is_the_same_object() -> None:
    text = "a " * 50

    assert text is cut_end(text, 100)


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("abc defg", "abc … [4 characters cut]"),
        ('{"a":"bcd"}', '{"a":"… [5 characters cut]'),
        ("abcdefgh", "… [8 characters cut]"),
    ],
    ids=["words", "JSON", "one word"],
)
def test_of_a_longer_text_the_end_goes_and_the_word_at_the_cut(text: str, cut: str) -> None:
    assert cut == cut_end(text, 6)


def test_of_a_text_that_there_is_no_room_for_the_number_is_left() -> None:
    assert "… [3 characters cut]" == cut_end("a b", 0)
