"""A bounded uniform sample of a stream of durations, with weights that add up to the true count."""

import random
from collections.abc import Sequence
from itertools import compress, filterfalse
from typing import Final, Self

__all__ = ["Reservoir", "is_duration"]

_LARGEST_S = 1e12  # thirty thousand years; more is a mistake, and too long a line
_RANDOM = random.Random()  # noqa: S311 - a sample, not a secret; its own, so that seeding `random` changes nothing
_HEADS: Final = bytes(byte & 1 for byte in range(256))
_TAILS: Final = bytes(1 - side for side in _HEADS)


def is_duration(duration_s: float) -> bool:
    """Tell whether a duration can be sent: a number of seconds in [0, 1e12)."""
    return 0 <= duration_s < _LARGEST_S


class Reservoir:
    """Keeps every duration up to a limit, then a random sample of at least half as many. Not thread-safe.

    Past the limit it halves what it keeps, and from then on what comes: of each two neighbours the one that a coin says.
    So each duration of the stream is as likely to be kept as any other, whatever their order repeats; and all of it is
    done by a few C calls for a batch, a tenth of the price of a draw for each duration that is kept.

    Args:
        max_samples: The limit, 1 or more.

    Attributes:
        seen: Durations taken in.
    """

    __slots__ = ("_halvings", "_max_samples", "_values", "seen")

    def __init__(self, max_samples: int) -> None:
        self._max_samples = max_samples
        self._values: list[float] = []
        self._halvings = 0
        self.seen = 0

    def copy(self) -> Self:
        """Return another one that holds the same."""
        twin = type(self)(self._max_samples)
        twin._values = self._values.copy()
        twin._halvings = self._halvings
        twin.seen = self.seen
        return twin

    def extend(self, durations_s: Sequence[float]) -> int:
        """Take durations in seconds; return how many of them were none (negative, not finite, absurd)."""
        refused = 0
        if not (min(durations_s, default=1.0) > 0 and sum(durations_s) < _LARGEST_S):  # false for any NaN
            refused = sum(1 for _ in filterfalse(is_duration, durations_s))
            durations_s = [
                abs(duration_s) for duration_s in filter(is_duration, durations_s)
            ]  # -0.0 becomes 0.0
        self.seen += len(durations_s)
        for _ in range(self._halvings):
            durations_s = _half(durations_s)
        self._values += durations_s
        while len(self._values) > self._max_samples:
            self._values = _half(self._values)
            self._halvings += 1
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


def _half(values: Sequence[float]) -> list[float]:
    """Return one of each two neighbours, and of a last one without neighbour it or nothing, by the toss of a coin."""
    coins = _RANDOM.randbytes((len(values) + 1) // 2)
    kept = bytearray(2 * len(coins))
    kept[::2], kept[1::2] = coins.translate(_HEADS), coins.translate(_TAILS)
    return list(compress(values, kept))
