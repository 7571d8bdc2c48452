"""Tell downstream what was lost: one record after an outage, with counts by reason and the time span."""

import os
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from queue_telemetry.logs._encoder import encode

__all__ = ["LossReport"]


class LossReport:
    """Makes the lines of `telemetry_loss` records.

    Args:
        constants: Fields of every record, such as service, env, version and host; none of a reserved key.
    """

    def __init__(self, constants: Mapping[str, object]) -> None:
        self._constants = constants

    def __call__(self, dropped: Mapping[str, int], from_s: float, to_s: float) -> bytes:
        """Return one record as a line of JSON with its newline. Must not raise.

        Args:
            dropped: Records lost, by reason; reasons without a loss are left out.
            from_s: When the first was lost, seconds since the epoch.
            to_s: When the last was.
        """
        lost = {str(reason): records for reason, records in dropped.items() if records}
        reasons = ", ".join(f"{records} {reason}" for reason, records in lost.items())
        now_s = time.time()
        return encode(
            {
                "timestamp": _timestamp(now_s),
                "level": "WARNING",
                "event": "telemetry_loss",
                "message": f"{sum(lost.values())} log records were lost: {reasons}",
                **self._constants,
                "pid": os.getpid(),
                "logger": "queue_telemetry",
                "record_id": f"{int(now_s * 1000):011x}{secrets.token_hex(5)}-loss",
                "dropped": lost,
                "from": _timestamp(from_s),
                "to": _timestamp(to_s),
            }
        )


def _timestamp(epoch_s: float) -> str:
    """Return RFC 3339 in UTC, with microseconds as other records have them.

    Source: https://www.rfc-editor.org/rfc/rfc3339#section-5.6
    """
    return f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
