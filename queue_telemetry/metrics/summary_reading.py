"""From the parts of a summary to what health reads of them. Pure: no clock, no socket, no state."""

from collections.abc import Mapping
from typing import Final

from queue_telemetry.metrics.errors import ErrorGroup
from queue_telemetry.metrics.tallies import SLICE_S, Amounts, Buckets, ErrorTally, Reading, added

__all__ = ["groups", "hour_buckets", "hour_total", "valid"]


_MINUTE_S: Final = 60.0
_HOUR: Final = 60  # minutes
_RECENT: Final = 5  # minutes
_HOUR_S: Final = 3600.0
_SLICES: Final = 6  # of an hour, the running one included
_READING_EXPIRES_S: Final = 300.0  # what nobody renews is unknown, not for ever true


def hour_total(amounts: Amounts, now_s: float) -> float:
    """Return what was added in the last hour, the running minute included."""
    return _since(amounts, now_s, _HOUR)


def hour_buckets(slices: Mapping[int, Buckets], now_s: float) -> Buckets:
    """Return the sketch of the last hour, or of at least fifty minutes of it."""
    oldest = int(now_s // SLICE_S) - _SLICES
    return added(part for at, part in slices.items() if at > oldest)


def valid(readings: Mapping[str, Reading], now_s: float) -> dict[str, float]:
    """Return the values that somebody said lately."""
    return {
        queue: one.value
        for queue, one in readings.items()
        if one.value is not None and now_s - one.at_s <= _READING_EXPIRES_S
    }


def groups(tallies: Mapping[str, ErrorTally], now_s: float, epoch_s: float) -> tuple[ErrorGroup, ...]:
    """Return the groups seen within the hour before *epoch_s*, most frequent first."""
    recent = [item for item in tallies.items() if epoch_s - item[1].last_seen_s <= _HOUR_S]
    recent.sort(key=lambda item: (-item[1].count, -item[1].last_seen_s, item[0]))
    return tuple(
        [
            ErrorGroup(
                fingerprint,
                one.type,
                one.task_type,
                one.count,
                one.first_seen_s,
                one.last_seen_s,
                one.sample,
                count_5m=int(_since(one.minutes, now_s, _RECENT)),
                count_1h=int(_since(one.minutes, now_s, _HOUR)),
            )
            for fingerprint, one in recent
        ]
    )


def _since(amounts: Mapping[int, float], now_s: float, minutes: int) -> float:
    oldest = int(now_s // _MINUTE_S) - minutes
    return sum([amount for minute, amount in amounts.items() if minute > oldest])
