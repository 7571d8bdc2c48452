import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queue_telemetry.statsd._numbers import decimal_text, rate_text


class Unreadable:
    def __float__(self) -> float:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (-3, "-3"),
        (True, "1"),
        (1.0, "1.0"),
        (0.5, "0.5"),
        (-0.0, "0.0"),
        (1e-7, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (Decimal("1.50"), "1.50"),
        (Decimal(5), "5"),
        (Decimal("1E+2"), "100"),
        (Decimal("-0.0"), "0.0"),
        (Decimal("1E-999"), "0.0"),
        (2**70, str(2**70)),
    ],
)
def test_number_is_a_plain_decimal(value: object, text: str) -> None:
    assert decimal_text(value) == text


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        None,
        "5",
        b"5",
        [],
        1 << 1025,
        Decimal("NaN"),
        Decimal("1E+999"),
        Unreadable(),
    ],
)
def test_what_is_no_number_has_no_text(value: object) -> None:
    assert decimal_text(value) is None


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**1000), 2**1000))
def test_number_reads_back_as_itself_without_an_exponent(value: float) -> None:
    text = decimal_text(value)

    assert text is not None
    assert "e" not in text.lower()
    assert type(value)(text) == value


@pytest.mark.parametrize(("calls", "text"), [(2, "0.5"), (4, "0.25"), (10, "0.1"), (1000, "0.001")])
def test_exact_rate_is_short(calls: int, text: str) -> None:
    assert rate_text(calls) == text


@settings(deadline=None)
@given(st.integers(2, 10**9))
def test_rate_stands_for_its_calls_on_every_server(calls: int) -> None:
    rate = float(rate_text(calls))

    assert int(1 / rate) == calls
    assert 1 / rate == pytest.approx(calls, rel=1e-14)


def test_rates_that_decimals_round_the_wrong_way_are_exact_too() -> None:
    assert [calls for calls in range(2, 5000) if int(1 / float(rate_text(calls))) != calls] == []
