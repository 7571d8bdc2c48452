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
    gate, lifecycle, collection = telemetry._gate, telemetry._tracker.lifecycle, telemetry._collection
    flags = gate.asleep, gate.quiet, gate.watching, telemetry._closed
    events, keeper, own_settings = lifecycle.events, telemetry._sink, telemetry._settings
    per_error = lifecycle.flood.per_minute
    keeper.uninstall()
    telemetry._sink = SinkKeeper(
        telemetry._tracker, telemetry._wake_for_record, telemetry._tick_soon, captures_all=True
    )
    outputs, stats = collection.swap(destination), telemetry._stats
    telemetry._settings, collection.stats = settings, Stats(telemetry._clock)
    lifecycle.events, lifecycle.flood.per_minute = EVENTS_BY_SETTING[settings.task_logs], 0
    if destination.buffer is not None:
        telemetry._sink.send_to(settings, destination.buffer)
    telemetry._closed = gate.asleep = False
    telemetry.redirected = True
    gate.quiet, gate.watching = not lifecycle.events, False
    try:
        yield
    finally:
        telemetry.redirected = False
        gate.quiet = False
        gate.asleep, gate.quiet, gate.watching, telemetry._closed = flags
        telemetry._sink.uninstall()
        collection.swap(outputs)
        telemetry._settings, collection.stats = own_settings, stats
        lifecycle.events, telemetry._sink = events, keeper
        lifecycle.flood.per_minute = per_error
        if outputs is not None and outputs.buffer is not None and own_settings is not None:
            keeper.send_to(own_settings, outputs.buffer)
