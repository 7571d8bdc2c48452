"""Captures what code under test records, without a network, a thread or the environment."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal

import orjson

from queue_telemetry._runtime import SYSTEM_CLOCK, DeliveryLedger
from queue_telemetry.api import default_telemetry
from queue_telemetry.logs import RecordBuffer
from queue_telemetry.metrics import Batch, Series
from queue_telemetry.settings import Settings
from queue_telemetry.telemetry import Telemetry, redirected

__all__ = ["Captured", "capture"]

_MAX_BYTES = 64 * 1024 * 1024


class Captured:
    """What was recorded inside a `capture()` block; may be asked inside and after it."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.buffer: RecordBuffer | None = RecordBuffer(
            _MAX_BYTES, batch_bytes=_MAX_BYTES, linger_s=0, ledger=DeliveryLedger(), clock=SYSTEM_CLOCK
        )
        self._telemetry = telemetry
        self._open = True
        self._records: list[dict[str, object]] = []
        self._counters: dict[Series, float] = {}
        self._gauges: dict[Series, float] = {}
        self._timings: dict[Series, list[float]] = {}

    @property
    def records(self) -> list[dict[str, object]]:
        """The log records, lifecycle records among them, as the collector would get them; oldest first."""
        buffer = self.buffer
        if buffer is not None:
            buffer.seal()
            while (chunk := buffer.take()) is not None:
                self._records += [orjson.loads(line) for line in bytes(chunk.data).splitlines()]
                buffer.settle(chunk)
        return self._records

    def events(self, event: str) -> list[dict[str, object]]:
        """Return the lifecycle records of one event, such as `task_completed`."""
        return [record for record in self.records if record.get("event") == event]

    def counter(self, name: str, **tags: str) -> float:
        """Return the sum of a counter over all series that have these tags; 0 when there is none."""
        self._collect()
        return sum(total for series, total in self._counters.items() if _is_of(series, name, tags))

    def gauge(self, name: str, **tags: str) -> float | None:
        """Return the last value of the gauge that has these tags, None when there is none.

        Raises:
            LookupError: More than one series has them.
        """
        self._collect()
        values = [value for series, value in self._gauges.items() if _is_of(series, name, tags)]
        if len(values) > 1:
            raise LookupError(f"{len(values)} series of {name} have these tags; say more of them")
        return values[0] if values else None

    def timings(self, name: str, **tags: str) -> list[float]:
        """Return the durations of a timer in seconds, over all series that have these tags."""
        self._collect()
        return [
            value
            for series, values in self._timings.items()
            if _is_of(series, name, tags)
            for value in values
        ]

    def start(self) -> bool:
        """Need nothing."""
        return True

    def add(self, batch: Batch) -> None:
        """Keep what a collection brought."""
        for series, amount, _ in batch.counters:
            self._counters[series] = self._counters.get(series, 0) + amount
        for series, durations in batch.timings:
            self._timings.setdefault(series, []).extend(durations)
        for series, value, _ in batch.gauges:
            if value is None:
                self._gauges.pop(series, None)
            else:
                self._gauges[series] = value

    def tick(self) -> None:
        """Do nothing."""

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 - nothing is sent, so nothing takes time
        """Say that all is where it should be."""
        return True

    def close(self, timeout_s: float) -> bool:  # noqa: ARG002 - the same
        """Say that all is where it should be."""
        return True

    def forget(self) -> None:
        """Do nothing: a child keeps what it captured as it was at the fork."""

    def stats(self) -> dict[str, dict[str, object]]:
        """Return nothing: no output is at work."""
        return {}

    def dropping(self) -> frozenset[str]:
        """Lose nothing."""
        return frozenset()

    def _collect(self) -> None:
        if self._open:
            self._telemetry._collect()


@contextmanager
def capture(
    telemetry: Telemetry | None = None, *, task_logs: Literal["all", "outcomes", "failures", "none"] = "all"
) -> Generator[Captured]:
    """Keep what is recorded inside the block, for assertions, and send none of it.

    Args:
        telemetry: The instance to watch; the default one, which the module functions act on, when None.
        task_logs: The lifecycle records to write.
    """
    watched = default_telemetry if telemetry is None else telemetry
    captured = Captured(watched)
    with redirected(watched, captured, Settings.model_construct(task_logs=task_logs, log_level="TRACE")):
        yield captured
    captured._open = False


def _is_of(series: Series, name: str, tags: dict[str, str]) -> bool:
    if series.metric.name != name:
        return False
    own = dict(zip(series.metric.tags, series.values, strict=True)) | dict(series.static_tags)
    return tags.items() <= own.items()
