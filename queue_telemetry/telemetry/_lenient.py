"""What is done at a first event about settings that are wrong: it is said once, and what is right goes on."""

import logging
from collections.abc import Callable

from queue_telemetry._runtime import LOGGER, Clock, say
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.settings import Settings, load_leniently
from queue_telemetry.telemetry._outputs import Outputs

__all__ = ["build_leniently", "read_leniently"]


def read_leniently() -> tuple[Settings, bool]:
    """Return the settings in force, and whether all of the environment was right."""
    settings, problems = load_leniently()
    if problems:
        LOGGER.error("settings that are wrong keep their defaults: %s", "; ".join(problems))
    return settings, not problems


def build_leniently(
    settings: Settings, clock: Clock, collect: Callable[[], bool], owner: object
) -> tuple[Settings, Outputs, bool]:
    """Build the outputs; without the folder if that cannot be used, without the collector if that cannot be had.

    Returns:
        The settings that the outputs were built from, the outputs, and whether all was right.
    """
    try:
        return settings, Outputs(settings, clock, collect, owner=owner), True
    except ConfigurationError as error:
        if settings.log_spool_dir is not None:
            say("outputs.disk", "no log records are kept on disk: %s", error, level=logging.ERROR)
            without: dict[str, object] = {"log_spool_dir": None, "log_durability": "memory"}
        else:
            say("outputs", "no logs are shipped: %s", error, level=logging.ERROR)
            without = {"log_url": None}
    # each round takes one of the two away
    settings, outputs, _ = build_leniently(settings.model_copy(update=without), clock, collect, owner)
    return settings, outputs, False
