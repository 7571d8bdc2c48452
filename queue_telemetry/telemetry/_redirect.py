"""Sends what a telemetry records somewhere else for a while, and puts everything back: for tests of the user's code."""

from collections.abc import Generator
from contextlib import contextmanager

from queue_telemetry.metrics import Stats
from queue_telemetry.settings import Settings
from queue_telemetry.tasks import EVENTS_BY_SETTING
from queue_telemetry.telemetry._destination import Destination
from queue_telemetry.telemetry._sink import SinkKeeper
from queue_telemetry.telemetry._telemetry import Telemetry

__all__ = ["redirected"]


@contextmanager
def redirected(telemetry: Telemetry, destination: Destination, settings: Settings) -> Generator[None]:
    """Have *telemetry* record into *destination* inside the block, awake but without a thread, its stats from zero.

    What was recorded before the block goes where it was going; what is recorded in it never does.
    """
    telemetry._collect()
    gate, lifecycle = telemetry._gate, telemetry._tracker.lifecycle
    flags = gate.asleep, gate.quiet, telemetry._closed
    events, stats, keeper = lifecycle.events, telemetry._stats, telemetry._sink
    own_settings, outputs = telemetry._settings, telemetry._outputs
    keeper.uninstall()
    telemetry._sink = SinkKeeper(telemetry._tracker, captures_all=True)
    telemetry._settings, telemetry._outputs, telemetry._stats = settings, destination, Stats(telemetry._clock)
    lifecycle.events = EVENTS_BY_SETTING[settings.task_logs]
    if destination.buffer is not None:
        telemetry._sink.send_to(settings, destination.buffer)
    telemetry._closed = gate.asleep = False
    gate.quiet = not lifecycle.events
    try:
        yield
    finally:
        telemetry._collect()
        gate.quiet = False
        gate.asleep, gate.quiet, telemetry._closed = flags
        telemetry._sink.uninstall()
        telemetry._settings, telemetry._outputs, telemetry._stats = own_settings, outputs, stats
        lifecycle.events, telemetry._sink = events, keeper
        if outputs is not None and outputs.buffer is not None and own_settings is not None:
            keeper.send_to(own_settings, outputs.buffer)
