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
    """When the next attempt may start, for one destination. Read and written by whoever has the chunk in flight.

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

    @property
    def not_before_s(self) -> float:
        """Monotonic seconds before which nothing is to be sent."""
        return max(self._backoff_until_s, self._asked_until_s)

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

        So many hurrying callers make no more attempts than one. The last chance waits for nothing.
        """
        if last_chance:
            self._backoff_until_s = self._asked_until_s = 0.0
        else:
            self._backoff_until_s = min(self._backoff_until_s, self._hurried_until_s)

    def _ask(self, now_s: float, retry_after_s: float | None) -> None:
        if retry_after_s is not None:
            asked_s = min(retry_after_s, _RETRY_AFTER_CAP_S)
            self._asked_until_s = now_s + asked_s * (1 + uniform(0, _SPREAD))  # noqa: S311 - jitter, not a secret
