"""Where probes are served, for files that have to say so. Pure: no clock, no socket, no state."""

from dataclasses import dataclass
from typing import Final

from queue_telemetry.settings import Settings

__all__ = ["Place", "place"]

_PORT: Final = 8081  # those of the README
_AGENT_PORT: Final = 8082


@dataclass(frozen=True, slots=True)
class Place:
    """What is asked, and where.

    Attributes:
        name: The service's, or one that says what it is.
        port: For HTTP.
        agent_port: For HAProxy's agent-check.
    """

    name: str
    port: int
    agent_port: int


def place(settings: Settings) -> Place:
    """Return where these settings serve probes; with the usual ports where none, or any one that is free, is set."""
    return Place(
        settings.service or "worker", settings.health_port or _PORT, settings.health_agent_port or _AGENT_PORT
    )
