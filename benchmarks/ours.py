"""Our side: a telemetry whose cells the benchmark drains itself, so that no thread of ours runs into a peer's round."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from queue_telemetry import Telemetry

__all__ = ["EVERY_SAMPLE", "emit", "measured"]

EVERY_SAMPLE = 1_000_000
"""A sample cap that no round reaches."""


@contextmanager
def measured(
    port: int, *, dialect: Literal["statsd", "datadog"] = "statsd", max_samples: int | None = None
) -> Generator[Telemetry]:
    """Have a telemetry that sends to *port*, awake, with its threads stopped; None is the dialect's own sample cap."""
    with TemporaryDirectory() as folder:
        telemetry = Telemetry(
            service="benchmark",
            statsd_host="127.0.0.1",
            statsd_port=port,
            statsd_dialect=dialect,
            statsd_max_samples=max_samples,
            statsd_flush_interval_s=10,
            task_logs="none",
            state_dir=Path(folder),
        )
        telemetry.health()  # wakes it
        outputs, ticker = telemetry._outputs, telemetry._ticker
        assert outputs is not None
        assert ticker is not None
        ticker.stop(1.0)
        outputs._loop.stop(1.0)  # type: ignore[attr-defined] # those of a process, not a test's
        try:
            yield telemetry
        finally:
            emit(telemetry)
            _check(telemetry)
            telemetry.close()


def emit(telemetry: Telemetry) -> None:
    """Drain the cells, fold them into the stats, and send everything."""
    if not telemetry.flush(60.0):
        raise RuntimeError("not everything was sent")


def _check(telemetry: Telemetry) -> None:
    """Hold the price to the promise: what was counted was handed to the kernel, all of it."""
    report = telemetry.health().telemetry["statsd"]
    if report["dropped"] or report["pending"] or report["accepted"] != report["delivered"]:
        raise RuntimeError(f"calls were lost: {report}")
