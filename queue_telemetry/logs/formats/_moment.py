"""Read the timestamp of a flat record. Pure: no clock, no socket, no state."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["epoch_us"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def epoch_us(record: Mapping[str, object]) -> int | None:
    """Return the record's time in whole microseconds since the epoch; None when it has none that can be read."""
    text = record.get("timestamp")
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        return None
