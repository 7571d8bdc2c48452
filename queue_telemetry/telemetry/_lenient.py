"""What is done at a first event about settings that are wrong: it is said once, and what is right goes on."""

import logging
from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Final

from queue_telemetry._runtime import LOGGER, say
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.settings import Settings, load_leniently
from queue_telemetry.telemetry._outputs import Outputs

__all__ = ["build_leniently", "read_leniently"]

_TO_GIVE_UP: Final[Mapping[str, Mapping[str, object]]] = {
    "tags": {"tags": {}},
    "log records on disk": {"log_spool_dir": None, "log_durability": "memory"},
    "logs": {"log_url": None},
}
"""What can be given up, with the settings that do so; the least first."""


def read_leniently() -> tuple[Settings, bool]:
    """Return the settings in force, and whether all of the environment was right."""
    settings, problems = load_leniently()
    if problems:
        LOGGER.error("settings that are wrong keep their defaults: %s", "; ".join(problems))
    return settings, not problems


def build_leniently(
    settings: Settings, build: Callable[[Settings], Outputs]
) -> tuple[Settings, Outputs, bool]:
    """Build the outputs, without as little as possible: tags that become one, a folder or certificates of no use.

    Args:
        settings: From which to build them.
        build: Builds them, or raises ConfigurationError.

    Returns:
        The settings that the outputs were built from, the outputs, and whether all was right.

    Raises:
        ConfigurationError: Something else is wrong.
    """
    try:
        return settings, build(settings), True
    except ConfigurationError as error:
        problem = error
    for number in range(1, len(_TO_GIVE_UP) + 1):
        for names in combinations(_TO_GIVE_UP, number):
            without = {key: value for name in names for key, value in _TO_GIVE_UP[name].items()}
            fewer = settings.model_copy(update=without)
            try:
                outputs = build(fewer)
            except ConfigurationError:
                continue
            say("outputs", "no %s: %s", " and no ".join(names), problem, level=logging.ERROR)
            return fewer, outputs, False
    raise problem
