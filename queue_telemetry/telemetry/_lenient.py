"""What is done at a first event about settings that are wrong: it is said once, and what is right goes on."""

import logging
from collections.abc import Callable
from typing import Final

from queue_telemetry._runtime import LOGGER, Clock, say
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.settings import Settings, load_leniently
from queue_telemetry.telemetry._outputs import Outputs

__all__ = ["build_leniently", "read_leniently"]

_LESS: Final[tuple[tuple[str, dict[str, object]], ...]] = (
    ("tags", {"tags": {}}),
    ("logs", {"log_url": None}),
    ("tags and logs", {"tags": {}, "log_url": None}),
)
"""What is given up in turn until the rest can be built."""


def read_leniently() -> tuple[Settings, bool]:
    """Return the settings in force, and whether all of the environment was right."""
    settings, problems = load_leniently()
    if problems:
        LOGGER.error("settings that are wrong keep their defaults: %s", "; ".join(problems))
    return settings, not problems


def build_leniently(
    settings: Settings, clock: Clock, collect: Callable[[], bool]
) -> tuple[Settings, Outputs, bool]:
    """Build the outputs, without what cannot be had: a collector whose certificates cannot be read, tags that become one.

    Returns:
        The settings that the outputs were built from, the outputs, and whether all was right.

    Raises:
        ConfigurationError: Something else is wrong.
    """
    try:
        return settings, Outputs(settings, clock, collect), True
    except ConfigurationError as error:
        problem = error
    for lost, update in _LESS:
        fewer = settings.model_copy(update=update)
        try:
            outputs = Outputs(fewer, clock, collect)
        except ConfigurationError:
            continue
        say("outputs", "no %s are shipped: %s", lost, problem, level=logging.ERROR)
        return fewer, outputs, False
    raise problem
