"""Read from an answer's headers how long the collector asks to be left alone. Pure: no clock, no socket, no state."""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["asked_wait_s"]

_DIGITS: Final = 12  # a longer number is past any cap
_EPOCH_FROM_S: Final = 1_000_000_000  # no delay is thirty years long


def asked_wait_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """Return the seconds that the collector asks for, 0 for a moment that is past, None when it says nothing usable.

    Args:
        headers: The answer's, found in any case.
        now_s: Seconds since the epoch.

    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after; X-RateLimit-Reset is Datadog's, in seconds from
    now, https://docs.datadoghq.com/api/latest/rate-limits/, and Axiom's, in seconds since the epoch,
    https://axiom.co/docs/restapi/api-limits
    """
    wait_s = _retry_after_s(headers.get("retry-after", ""), now_s)
    if wait_s is not None:
        return wait_s
    reset_s = _seconds(headers.get("x-ratelimit-reset", ""))
    if reset_s is None or reset_s < _EPOCH_FROM_S:
        return reset_s
    return max(reset_s - now_s, 0.0)


def _retry_after_s(text: str, now_s: float) -> float | None:
    seconds = _seconds(text)
    if seconds is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(moment.timestamp() - now_s, 0.0)
    except (ValueError, OverflowError):
        return None


def _seconds(text: str) -> float | None:
    text = text.strip()
    return float(text[:_DIGITS]) if text.isascii() and text.isdigit() else None
