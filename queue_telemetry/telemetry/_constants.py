"""Which constant fields every record bears. Pure: no clock, no socket, no state."""

from collections.abc import Mapping
from typing import Final

from queue_telemetry.logs import free_key
from queue_telemetry.tasks.record_fields import LIBRARY_KEYS

__all__ = ["record_constants"]

_NO_TAGS: Final = LIBRARY_KEYS - {"service", "env", "version"}


def record_constants(tags: Mapping[str, str], host: str) -> dict[str, str]:
    """Return the fields of every record; a tag that would mean something else in one becomes `extra_<key>`.

    Args:
        tags: The constant tags of every metric.
        host: This host's name.
    """
    fields = {key: value for key, value in tags.items() if key not in _NO_TAGS}
    for key in tags.keys() & _NO_TAGS:
        fields[free_key(f"extra_{key}", tags)] = tags[key]
    return fields | {"host": host}
