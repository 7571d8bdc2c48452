"""When a process sends: once in each window, at a moment that is its own. Pure: no clock, no socket."""

import zlib
from typing import Final

__all__ = ["Windows"]

_EDGE: Final = 0.1  # of a window at each of its ends, where nobody sends
_EARLY: Final = 0.01  # of a window: clocks are turned and numbers rounded
_GOLDEN: Final = 0.618033988749895  # its multiples are spread as evenly as can be, however many there are


class Windows:
    """Windows that begin at multiples of their length since the epoch, in every process.

    Receivers add up over 10 s that begin so too: with windows that divide those, and a moment of sending that stays the
    same and keeps off the edges, each of them gets as many windows as the others. Processes send at different moments, so
    that they do not fill a receiver's buffer together.

    Args:
        interval_s: The length, one that divides 10 s.
        host: The host's name.
        number: The process's among those of the host: its slot, or else its id.
    """

    def __init__(self, interval_s: float, host: str, number: int) -> None:
        self._interval_s = interval_s
        spread = (zlib.crc32(host.encode()) / 2**32 + number * _GOLDEN) % 1.0
        self._moment_s = interval_s * (_EDGE + (1 - 2 * _EDGE) * spread)

    def wait_s(self, now_s: float) -> float:
        """Return the seconds from *now_s*, since the epoch, until the next sending.

        A moment that is all but there is that of a sending that was a little early.
        """
        left_s = self._interval_s - (now_s - self._moment_s) % self._interval_s
        return left_s if left_s > self._interval_s * _EARLY else left_s + self._interval_s
