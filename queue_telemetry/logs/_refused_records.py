"""Where records go that a collector will never take: the file of dead letters, or nowhere but the accounts."""

from collections.abc import Iterable

import orjson

from queue_telemetry._runtime import Clock, DropReason
from queue_telemetry.logs._verdict import Rejection
from queue_telemetry.logs.spool import DeadLetters

__all__ = ["RefusedRecords"]


class RefusedRecords:
    """Takes refused records, one thread at a time.

    Args:
        dead_letters: The file; None for none.
        clock: Tells when they were refused.
    """

    def __init__(self, dead_letters: DeadLetters | None, clock: Clock) -> None:
        self._dead_letters = dead_letters
        self._clock = clock

    def note(self, records: int, rejection: Rejection) -> bool:
        """Keep the reason of a refusal of so many records of which the collector does not say which. Never raises."""
        return self._dead_letters is not None and self._dead_letters.append(
            orjson.dumps({"event": "records_refused_unnamed", "records": records}),
            status=rejection.status or None,
            excerpt=rejection.excerpt,
            at_s=self._clock.time(),
        )

    def take(self, letters: Iterable[tuple[bytes, Rejection]]) -> dict[DropReason, int]:
        """Write lines to the file; return how many are in it, and how many are only counted. Never raises."""
        dropped: dict[DropReason, int] = {}
        now_s = self._clock.time()
        for line, rejection in letters:
            written = self._dead_letters is not None and self._dead_letters.append(
                line, status=rejection.status or None, excerpt=rejection.excerpt, at_s=now_s
            )
            reason = DropReason.DEAD_LETTERED if written else DropReason.REJECTED
            dropped[reason] = dropped.get(reason, 0) + 1
        return dropped
