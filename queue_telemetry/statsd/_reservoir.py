"""A bounded uniform sample of a stream of durations, with weights that add up to the true count."""

import math
import random
from collections.abc import Sequence
from itertools import filterfalse

__all__ = ["Reservoir", "is_duration"]

_LARGEST_S = 1e12  # thirty thousand years; more is a mistake, and too long a line
_RANDOM = random.Random()  # noqa: S311 - a sample, not a secret; its own, so that seeding `random` changes nothing
_JUST_UNDER_ONE = -1e-15  # as a logarithm


def is_duration(duration_s: float) -> bool:
    """Tell whether a duration can be sent: a number of seconds in [0, 1e12)."""
    return 0 <= duration_s < _LARGEST_S


class Reservoir:
    """Keeps every duration up to a limit, then a uniform random sample of exactly that many. Not thread-safe.

    Past the limit it draws how many durations to skip instead of one number for each, so that a full reservoir costs
    next to nothing.

    Args:
        max_samples: The limit, 1 or more.

    Attributes:
        seen: Durations taken in.

    Source: Kim-Hung Li, "Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n)))", algorithm L.
    """

    __slots__ = ("_log_width", "_max_samples", "_next", "_values", "seen")

    def __init__(self, max_samples: int) -> None:
        self._max_samples = max_samples
        self._values: list[float] = []
        self._log_width = 0.0
        self._next = 0  # index in the stream of the next duration that is kept
        self.seen = 0

    def extend(self, durations_s: Sequence[float]) -> int:
        """Take durations in seconds; return how many of them were none (negative, not finite, absurd)."""
        refused = 0
        if not (min(durations_s, default=1.0) > 0 and sum(durations_s) < _LARGEST_S):  # false for any NaN
            refused = sum(1 for _ in filterfalse(is_duration, durations_s))
            durations_s = [
                abs(duration_s) for duration_s in filter(is_duration, durations_s)
            ]  # -0.0 becomes 0.0
        room = self._max_samples - len(self._values)
        if room > 0:
            self._values.extend(durations_s[:room])
            self.seen += min(room, len(durations_s))
            if len(self._values) == self._max_samples:
                self._skip()
            durations_s = durations_s[room:]
        if durations_s:
            self._sample(durations_s)
        return refused

    def weighted(self) -> list[tuple[int, list[float]]]:
        """Return what is kept as (calls that each stands for, durations in seconds).

        With q, r = divmod(seen, kept), r durations stand for q + 1 calls and the others for q, so that servers which
        truncate `1 / rate` still count every call. Which ones is drawn anew, so that no part of the window weighs more.
        """
        kept = len(self._values)
        if kept == 0:
            return []
        calls, extra = divmod(self.seen, kept)
        if extra == 0:
            return [(calls, self._values)]
        start = _RANDOM.randrange(kept)
        values = self._values[start:] + self._values[:start]
        return [(calls + 1, values[:extra]), (calls, values[extra:])]

    def _sample(self, durations_s: Sequence[float]) -> None:
        first = self.seen
        self.seen += len(durations_s)
        while self._next < self.seen:
            self._values[int(_RANDOM.random() * self._max_samples)] = durations_s[self._next - first]
            self._skip()

    def _skip(self) -> None:
        """Draw which duration of the stream is the next to be kept."""
        self._next = max(self._next, self._max_samples - 1)
        self._log_width = min(self._log_width + _log_uniform() / self._max_samples, _JUST_UNDER_ONE)
        self._next += 1 + math.floor(_log_uniform() / math.log1p(-math.exp(self._log_width)))


def _log_uniform() -> float:
    return math.log(1.0 - _RANDOM.random())  # of (0, 1]
