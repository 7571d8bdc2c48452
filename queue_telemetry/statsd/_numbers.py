"""Numbers as every StatsD server reads them: plain decimals, never an exponent. Pure: no clock, no socket, no state."""

import math
import operator
from decimal import Decimal
from functools import lru_cache
from typing import SupportsFloat, SupportsIndex

__all__ = ["decimal_text", "rate_text"]

_LARGEST_BITS = 1024  # what a double holds; every server parses into one
_LARGEST_DIGITS = 309  # decimal ones of such a number
_RATE_DIGITS = 16  # significant digits of a rate; a double holds 15.95


def decimal_text(value: object) -> str | None:
    """Write *value* as a plain decimal; ints stay ints, and Decimals have the digits that they have. Must not raise.

    Args:
        value: An int, a float, or what converts to one (a bool, a Decimal, a numpy scalar).

    Returns:
        The text, such as `"3"`, `"-0.25"` or `"0.0000001"`; None for what is no number (text is none either), not
        finite, or too large for a double.

    Source: https://github.com/statsd/statsd/blob/master/docs/metric_types.md; servers read `1e-05` as 1 and cannot
    read `nan`, `inf`, `True` and `-0.0`.
    """
    if type(value) is int and -(1 << 63) <= value < 1 << 63:
        return str(value)
    try:
        number = _as_number(value)
        exact = _exact_decimal(value) if type(value) is Decimal else None
    except Exception:  # noqa: BLE001 - the user's own object converts itself
        return None
    if isinstance(number, int):
        return str(number) if number.bit_length() <= _LARGEST_BITS else None
    if not math.isfinite(number):
        return None
    text = float.__repr__(number) if number else "0.0"  # -0.0 as well
    return exact or (format(Decimal(text), "f") if "e" in text else text)


def _exact_decimal(value: Decimal) -> str | None:
    """Return the digits of a finite Decimal; None when they are more than those of any double."""
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) + len(value.as_tuple().digits) > _LARGEST_DIGITS:
        return None
    return format(value or abs(value), "f")  # -0 as 0


def _as_number(value: object) -> int | float:
    if isinstance(value, float):
        return float.__float__(value)  # a subclass may compare as it likes
    if isinstance(value, SupportsIndex):
        return int(operator.index(value))  # int() turns True into 1
    if isinstance(value, SupportsFloat):
        return float(value)
    raise TypeError


@lru_cache(maxsize=4096)
def rate_text(calls: int) -> str:
    """Write the sample rate at which one line stands for *calls* calls, such as `"0.5"` for 2.

    Servers that repeat a timing `int(1 / rate)` times and those that weigh it by `1 / rate` both get *calls* back.

    Args:
        calls: 2 or more.

    Source: DogStatsD and statsd_exporter truncate `1 / rate`; most decimals of 1/n come out one short.
    """
    digits = _RATE_DIGITS + len(str(calls)) - 1
    numerator = 10**digits // calls
    while int(1 / (numerator / 10**digits)) != calls:
        numerator -= 1
    return f"0.{numerator:0{digits}d}".rstrip("0")
