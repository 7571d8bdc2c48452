"""How long a collector asks to be left alone, in each spelling."""

import pytest

from queue_telemetry.logs._retry_after import asked_wait_s

_NOW_S = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        ("17", 17.0),
        (" 0 ", 0.0),
        ("1000000000", 1e9),
        ("9" * 40, 999_999_999_999.0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:50", 30.0),
        ("Tue, 14 Nov 2023 22:13:50 -0000", 30.0),
        ("Tue, 14 Nov 2023 22:13:19 GMT", 0.0),
        ("-5", None),
        ("1.5", None),
        ("\u0665", None),
        ("soon", None),
        ("", None),
        ("Tue, 99 Nov 2023 22:13:50 GMT", None),
        ("Tue, 14 Nov 99999999999999999999 22:13:50 GMT", None),
    ],
)
def test_retry_after(text: str, wait_s: float | None) -> None:
    assert wait_s == asked_wait_s({"retry-after": text}, _NOW_S)


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [("12", 12.0), ("1700000042", 42.0), ("1600000000", 0.0), ("later", None)],
    ids=["datadog", "axiom", "past", "garbage"],
)
def test_a_reset_is_seconds_from_now_or_since_the_epoch(text: str, wait_s: float | None) -> None:
    assert wait_s == asked_wait_s({"x-ratelimit-reset": text}, _NOW_S)


@pytest.mark.parametrize(("first", "wait_s"), [("3", 3.0), ("soon", 12.0)])
def test_retry_after_wins_when_it_can_be_read(first: str, wait_s: float) -> None:
    assert wait_s == asked_wait_s({"retry-after": first, "x-ratelimit-reset": "12"}, _NOW_S)


def test_nothing_asked_is_nothing() -> None:
    assert asked_wait_s({}, _NOW_S) is None
