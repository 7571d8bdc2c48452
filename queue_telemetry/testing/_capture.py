"""Captures what code under test records, without a network, a thread or the environment."""

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Literal

import orjson

from queue_telemetry._runtime import SYSTEM_CLOCK
from queue_telemetry.api import default_telemetry
from queue_telemetry.logs import RecordBuffer
from queue_telemetry.metrics import Batch, Series, SeriesKey
from queue_telemetry.settings import Settings
from queue_telemetry.telemetry import Telemetry, redirected

__all__ = ["Captured", "capture"]

_MAX_BYTES = 64 * 1024 * 1024


class Captured:
    """What was recorded inside a `capture()` block; may be asked inside and after it, by any thread."""

    def __init__(self, telemetry: Telemetry, kept: "_Kept") -> None:
        self._telemetry = telemetry
        self._kept = kept
        self._open = True

    @property
    def records(self) -> list[dict[str, object]]:
        """The log records, lifecycle records among them, as flat JSON objects; oldest first.

        Without what the application's settings add: service, env, version, tags and redacted keys of its own.
        """
        return self._kept.read_records()

    def events(self, event: str) -> list[dict[str, object]]:
        """Return the lifecycle records of one event, such as `task_completed`."""
        return [record for record in self.records if record.get("event") == event]

    def counter(self, name: str, **tags: str) -> float:
        """Return the sum of a counter over all series that have these tags; 0 when there is none."""
        return sum(amount for amounts in self._find(self._kept.counters, name, tags) for amount in amounts)

    def gauge(self, name: str, **tags: str) -> float | None:
        """Return the last value of the gauge that has these tags, None when there is none.

        Raises:
            LookupError: More than one series has them.
        """
        found = self._find(self._kept.gauges, name, tags)
        if len(found) > 1:
            raise LookupError(f"{len(found)} series of {name} have these tags; say more of them")
        return found[0][-1] if found else None

    def timings(self, name: str, **tags: str) -> list[float]:
        """Return the durations of a timer in seconds, over all series that have these tags."""
        return [value for values in self._find(self._kept.timings, name, tags) for value in values]

    def _find(self, kept: dict[Series, list[float]], name: str, tags: dict[str, str]) -> list[list[float]]:
        if self._open:
            self._telemetry.flush()
        with self._kept.lock:
            return [list(values) for series, values in kept.items() if values and _is_of(series, name, tags)]


class _Kept:
    """Where the telemetry's data goes inside the block. The lock guards what it keeps."""

    def __init__(self) -> None:
        self.buffer: RecordBuffer | None = RecordBuffer(
            _MAX_BYTES, batch_bytes=_MAX_BYTES, linger_s=0, clock=SYSTEM_CLOCK
        )
        self.lock = threading.Lock()
        self.counters: dict[Series, list[float]] = {}
        self.gauges: dict[Series, list[float]] = {}
        self.timings: dict[Series, list[float]] = {}
        self._records: list[dict[str, object]] = []

    def read_records(self) -> list[dict[str, object]]:
        """Return all records so far."""
        buffer = self.buffer
        with self.lock:
            if buffer is not None:
                buffer.seal()
                while (chunk := buffer.take()) is not None:
                    self._records += [orjson.loads(line) for line in bytes(chunk.data).splitlines()]
                    buffer.settle(chunk)
            return list(self._records)

    def start(self) -> bool:
        """Need nothing."""
        return True

    def add(self, batch: Batch) -> None:
        """Keep what a collection brought."""
        with self.lock:
            for series, amount, _ in batch.counters:
                self.counters.setdefault(series, []).append(amount)
            for series, durations in batch.timings:
                self.timings.setdefault(series, []).extend(durations)
            for series, value, _ in batch.gauges:
                self.gauges[series] = [] if value is None else [value]

    def tick(self) -> None:
        """Do nothing."""

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 - nothing is sent, so nothing takes time
        """Say that all is where it should be."""
        return True

    def close(self, timeout_s: float) -> bool:  # noqa: ARG002 - the same
        """Say that all is where it should be."""
        return True

    def forget(self) -> None:
        """Do nothing: a child keeps what was captured before the fork."""

    def stats(self) -> dict[str, dict[str, object]]:
        """Return nothing: no output is at work."""
        return {}

    def self_counters(self) -> Mapping[SeriesKey, float]:
        """Return nothing, since nothing is sent."""
        return {}

    def failing(self) -> frozenset[str]:
        """Lose nothing."""
        return frozenset()


@contextmanager
def capture(
    telemetry: Telemetry | None = None, *, task_logs: Literal["all", "outcomes", "failures", "none"] = "all"
) -> Generator[Captured]:
    """Keep what is recorded inside the block, for assertions, and send none of it.

    `configure()` inside the block only checks its settings and `close()` only collects, so that an application's start
    and stop can be run in it; after the block everything is as it was before.

    Args:
        telemetry: The instance to watch; the default one, which the module functions act on, when None.
        task_logs: The lifecycle records to write.
    """
    watched = default_telemetry if telemetry is None else telemetry
    kept = _Kept()
    captured = Captured(watched, kept)
    try:
        with redirected(watched, kept, Settings.model_construct(task_logs=task_logs, log_level="TRACE")):
            yield captured
    finally:
        captured._open = False


def _is_of(series: Series, name: str, tags: dict[str, str]) -> bool:
    if series.metric.name != name:
        return False
    own = dict(zip(series.metric.tags, series.values, strict=True)) | dict(series.static_tags)
    return tags.items() <= own.items()
