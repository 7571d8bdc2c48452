"""Tags of every line, made safe once: two that would become one are refused."""

import logging
from collections.abc import Mapping

from queue_telemetry._runtime import say
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.statsd._cleaning import clean_key, clean_value
from queue_telemetry.statsd._dialect import Dialect

__all__ = ["clean_constant_tags"]


def clean_constant_tags(tags: Mapping[str, str], dialect: Dialect) -> dict[str, str]:
    """Return the constant tags as *dialect* sends them; none in a dialect without tags, which is said.

    Raises:
        ConfigurationError: Two keys are one in this dialect, with different values.
    """
    if dialect.tags is None:
        if tags:
            say(
                "statsd_constant_tags",
                "The plain StatsD dialect has no tags: constant ones stay out.",
                level=logging.INFO,
            )
        return {}
    clean: dict[str, str] = {}
    raw_keys: dict[str, str] = {}
    for raw_key, raw_value in tags.items():
        if not raw_value:
            continue
        key, value = clean_key(raw_key, dialect), clean_value(raw_value, dialect)
        if clean.setdefault(key, value) != value:
            raise ConfigurationError(
                f"TAGS has {raw_keys[key]!r} and {raw_key!r}, which are both {key!r} in dialect {dialect.name!r}; "
                "keys must differ in more than case and characters that it replaces"
            )
        raw_keys[key] = raw_key
    return {key: value for key, value in clean.items() if key not in dialect.tags.left_out}
