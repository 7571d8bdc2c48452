"""Decide what a collector's answer means for a batch, and when to try again."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from random import uniform
from typing import Final

from queue_telemetry._runtime import full_jitter_s

__all__ = ["RetrySchedule", "Verdict", "judge", "parse_retry_after"]

_BASE_S: Final = 0.5
_CAP_S: Final = 60.0
_RETRY_AFTER_CAP_S: Final = 900.0  # a wrong date must not silence a process for good
_SPREAD: Final = 0.1  # clients that were told the same moment do not come back at the same moment

_TRANSIENT: Final = frozenset({408, 425, 429})
_MISCONFIGURED: Final = frozenset({401, 402, 403, 404, 405, 407, 415, 501, 505})


class Verdict(StrEnum):
    """What becomes of a batch."""

    DELIVERED = "delivered"
    RETRY = "retry"
    """The collector cannot take it now."""
    MISCONFIGURED = "misconfigured"
    """A key, an address or a setting is wrong. Kept and tried again, since keys rotate."""
    REJECTED = "rejected"
    """The collector will never take it."""


def judge(status: int) -> Verdict:
    """Return what an HTTP *status* means for the batch that it answers.

    Source: https://www.rfc-editor.org/rfc/rfc9110#name-status-codes
    """
    if 200 <= status < 300:
        return Verdict.DELIVERED
    if status in _MISCONFIGURED or 300 <= status < 400:
        return Verdict.MISCONFIGURED
    if status in _TRANSIENT or status >= 500:
        return Verdict.RETRY
    return Verdict.REJECTED


def parse_retry_after(text: str | None, now_s: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, 0 for the past, None when it says nothing usable.

    Args:
        text: Delay in seconds or an HTTP date.
        now_s: Seconds since the epoch.

    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])  # longer ones are past any cap
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(moment.timestamp() - now_s, 0.0)
    except (ValueError, OverflowError):
        return None


class RetrySchedule:
    """When the next attempt may start, for one destination. Read and written by whoever has the batch in flight.

    Attributes:
        failures: Attempts that failed in a row.
    """

    def __init__(self) -> None:
        self.failures = 0
        self._backoff_until_s = 0.0
        self._hurried_until_s = 0.0
        self._asked_until_s = 0.0

    @property
    def not_before_s(self) -> float:
        """Monotonic seconds before which nothing is to be sent."""
        return max(self._backoff_until_s, self._asked_until_s)

    def succeeded(self) -> None:
        """Note that the collector took a decision."""
        self.failures = 0
        self._backoff_until_s = self._asked_until_s = 0.0

    def failed(self, now_s: float, retry_after_s: float | None = None) -> None:
        """Note a failure: full jitter from 0.5 s to 60 s, and never earlier than the collector asked for."""
        self.failures += 1
        self._backoff_until_s = now_s + full_jitter_s(self.failures, base_s=_BASE_S, cap_s=_CAP_S)
        self._hurried_until_s = now_s + full_jitter_s(1, base_s=_BASE_S, cap_s=_CAP_S)
        if retry_after_s is not None:
            asked_s = min(retry_after_s, _RETRY_AFTER_CAP_S)
            self._asked_until_s = now_s + asked_s * (1 + uniform(0, _SPREAD))  # noqa: S311 - not a secret

    def hurry(self, *, last_chance: bool) -> None:
        """Cut the present wait to that of a first failure; what the collector asked for stands.

        So many hurrying callers make no more attempts than one. The last chance waits for nothing.
        """
        if last_chance:
            self._backoff_until_s = self._asked_until_s = 0.0
        else:
            self._backoff_until_s = min(self._backoff_until_s, self._hurried_until_s)
