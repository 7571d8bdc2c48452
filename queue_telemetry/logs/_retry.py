"""When a destination may be tried again: backoff, what it asked for, and probes of one that is parked."""

from random import uniform
from typing import Final

from queue_telemetry._runtime import full_jitter_s

__all__ = ["RetrySchedule"]

_BASE_S: Final = 0.5
_CAP_S: Final = 60.0
_RETRY_AFTER_CAP_S: Final = 900.0  # a wrong date must not silence a process for good
_SPREAD: Final = 0.1  # clients that were told the same moment do not come back at the same moment
_PROBE_S: Final = 60.0
_PROBE_CAP_S: Final = 300.0
_HURRIED_PROBE_S: Final = (
    1.0  # somebody waits in `flush`; a key that was refused is seldom right a moment later
)


class RetrySchedule:
    """When the next attempt may start, for one destination. Written by whoever has the chunk in flight, read by all.

    Only `hurry` may be called by anybody: it leaves a wish, which holds until the next attempt starts.

    Attributes:
        failures: Attempts that failed in a row.
        probes: How many of them said that a setting is wrong.
    """

    def __init__(self) -> None:
        self.failures = 0
        self.probes = 0
        self._backoff_until_s = 0.0
        self._hurried_until_s = 0.0
        self._asked_until_s = 0.0
        self._is_hurried = False
        self._is_last_chance = False

    @property
    def not_before_s(self) -> float:
        """Monotonic seconds before which nothing is to be sent."""
        if self._is_last_chance:
            return 0.0
        backoff_until_s = self._backoff_until_s
        if self._is_hurried:
            backoff_until_s = min(backoff_until_s, self._hurried_until_s)
        return max(backoff_until_s, self._asked_until_s)

    def started(self) -> None:
        """Note that an attempt starts, which is what those who hurried wanted."""
        self._is_hurried = self._is_last_chance = False

    def succeeded(self, now_s: float, pause_s: float = 0.0) -> None:
        """Note that the collector took a decision, and that the next request is to wait so long."""
        self.failures = self.probes = 0
        self._backoff_until_s = now_s + pause_s if pause_s else 0.0
        self._hurried_until_s = self._asked_until_s = 0.0

    def failed(self, now_s: float, retry_after_s: float | None = None) -> None:
        """Note a failure: full jitter from 0.5 s to 60 s, and never earlier than the collector asked for."""
        self.failures += 1
        self._backoff_until_s = now_s + full_jitter_s(self.failures, base_s=_BASE_S, cap_s=_CAP_S)
        self._hurried_until_s = now_s + full_jitter_s(1, base_s=_BASE_S, cap_s=_CAP_S)
        self._ask(now_s, retry_after_s)

    def parked(self, now_s: float, retry_after_s: float | None = None) -> None:
        """Note that a setting is wrong: a probe after a minute, later ones up to five minutes apart."""
        self.failures += 1
        self.probes += 1
        delay_s = min(_PROBE_S * self.probes, _PROBE_CAP_S)
        self._backoff_until_s = now_s + delay_s * uniform(1 - _SPREAD, 1)  # noqa: S311 - jitter, not a secret
        self._hurried_until_s = now_s + _HURRIED_PROBE_S
        self._ask(now_s, retry_after_s)

    def hurry(self, *, last_chance: bool) -> None:
        """Cut the present wait to that of a first failure, or a second when parked; what the collector asked for stands.

        So many hurrying callers make no more attempts than one, and one who comes during an attempt gets another. The
        last chance waits for nothing.
        """
        if last_chance:
            self._is_last_chance = True
        else:
            self._is_hurried = True

    def _ask(self, now_s: float, retry_after_s: float | None) -> None:
        if retry_after_s is not None:
            asked_s = min(retry_after_s, _RETRY_AFTER_CAP_S)
            self._asked_until_s = now_s + asked_s * (1 + uniform(0, _SPREAD))  # noqa: S311 - jitter, not a secret
