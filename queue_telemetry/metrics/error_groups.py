"""The most frequent groups of errors, how many came when, and which of them are news."""

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from queue_telemetry.metrics.errors import ErrorSample
from queue_telemetry.metrics.tallies import ErrorTally

__all__ = ["ErrorGroups", "ErrorNews", "News"]

_RECENT_S: Final = 3600.0
_MINUTE_S: Final = 60.0
_MINUTES: Final = 60
_SILENT_S: Final = 86_400.0  # what comes back after so long was thought to be mended
_MAX_KNOWN: Final = 1_000  # fingerprints, about 100 bytes each
_MAX_NEWS: Final = 100  # between two readings: a flood of ever new errors is told by its groups


class News(StrEnum):
    """Why an error is news."""

    NEW = "error_new"
    RETURNED = "error_returned"


@dataclass(frozen=True, slots=True)
class ErrorNews:
    """An error that this process did not have before, or not for a day.

    Attributes:
        news: Which of the two.
        error: The error.
        silent_s: How long it had not come, seconds; None for a new one.
    """

    news: News
    error: ErrorSample
    silent_s: float | None


@dataclass(slots=True)
class _Tally:
    count: int
    inherited: int
    first_seen_s: float
    last: ErrorSample
    minutes: dict[int, int]
    read: ErrorTally | None = None  # as read last, until the next error

    @property
    def rank(self) -> int:
        return self.count + self.inherited


class ErrorGroups:
    """The most frequent groups of errors, in bounded memory.

    A newcomer to a full table replaces a group that was silent for an hour, else the least frequent one, and inherits
    its rank, so that a frequent group always comes to stay. Its count starts at one all the same. Which fingerprints
    there have been is remembered apart, for the last thousand of them. Not thread-safe.

    Args:
        max_groups: How many groups are kept.

    Source: Metwally et al., "Efficient Computation of Frequent and Top-k Elements in Data Streams" (Space-Saving)
    """

    def __init__(self, max_groups: int = 100) -> None:
        self._max_groups = max_groups
        self._tallies: dict[str, _Tally] = {}
        self._last_seen_s: dict[str, float] = {}  # the one that came last stands last
        self._news: deque[ErrorNews] = deque(maxlen=_MAX_NEWS)

    def add(self, sample: ErrorSample, now_s: float) -> None:
        """Count one error in the minute of *now_s* (seconds, monotonic)."""
        self._notice_news(sample)
        minute = int(now_s // _MINUTE_S)
        tally = self._tallies.get(sample.fingerprint)
        if tally is None:
            inherited = self._make_room(sample.at_s) if len(self._tallies) >= self._max_groups else 0
            self._tallies[sample.fingerprint] = _Tally(1, inherited, sample.at_s, sample, {minute: 1})
            return
        tally.count += 1
        tally.last = sample
        tally.read = None
        tally.minutes[minute] = tally.minutes.get(minute, 0) + 1
        if len(tally.minutes) > _MINUTES:
            del tally.minutes[min(tally.minutes)]

    def read(self) -> Mapping[str, ErrorTally]:
        """Return all groups by fingerprint."""
        return {fingerprint: tally.read or _read(tally) for fingerprint, tally in self._tallies.items()}

    def take_news(self) -> list[ErrorNews]:
        """Return the errors that were news since the last call."""
        news: list[ErrorNews] = []
        with suppress(IndexError):  # more may come meanwhile, or be taken by another thread
            while True:
                news.append(self._news.popleft())
        return news

    def _notice_news(self, sample: ErrorSample) -> None:
        known = self._last_seen_s
        last_s = known.pop(sample.fingerprint, None)
        known[sample.fingerprint] = sample.at_s
        if last_s is None:
            self._news.append(ErrorNews(News.NEW, sample, None))
            if len(known) > _MAX_KNOWN:
                del known[next(iter(known))]
        elif sample.at_s - last_s > _SILENT_S:
            self._news.append(ErrorNews(News.RETURNED, sample, sample.at_s - last_s))

    def _make_room(self, now_s: float) -> int:
        def worth(tally: _Tally) -> tuple[bool, int, float]:
            return (now_s - tally.last.at_s <= _RECENT_S, tally.rank, tally.last.at_s)

        poorest = min(self._tallies.values(), key=worth)
        del self._tallies[poorest.last.fingerprint]
        return poorest.rank if now_s - poorest.last.at_s <= _RECENT_S else 0


def _read(tally: _Tally) -> ErrorTally:
    last = tally.last
    read = tally.read = ErrorTally(
        last.at_s,
        last.type,
        last.task_type,
        last.message,
        tally.first_seen_s,
        tally.count,
        tally.minutes.copy(),
    )
    return read
