"""Read the timestamp of a flat record. Pure: no clock, no socket, no state."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

__all__ = ["epoch_us"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def epoch_us(record: Mapping[str, object]) -> int | None:
    """Return the record's time in whole microseconds since the epoch; None when it has none that can be read."""
    text = record.get("timestamp")
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH
    except (ValueError, OverflowError):
        return None
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
