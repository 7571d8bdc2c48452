"""From where on something is to be told: what the settings say, or a suggestion. Pure: no clock, no socket, no state."""

from dataclasses import dataclass
from typing import Final

from queue_telemetry.settings import Settings

__all__ = ["Limit", "limit"]

_SUGGESTED: Final = {
    "health_min_workers": 1,
    "health_oldest_task_age_max_s": 600,
    "health_queue_size_max": 1000,
    "health_wait_p95_max_s": 300,
}
"""For what is off unless set, since only the application's owner can know it: a number to begin with."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One threshold.

    Attributes:
        value: In the setting's unit; 0 for a rule that was turned off, which is then left out.
        origin: Where it comes from, as a sentence for people.
    """

    value: float
    origin: str

    def __str__(self) -> str:
        return f"{self.value:g}"


def limit(settings: Settings, field: str) -> Limit:
    """Return the threshold that a setting has; what was set to 0 is off, what was never set gets a suggestion."""
    variable = f"QUEUE_TELEMETRY_{field.upper()}"
    value = getattr(settings, field)
    if value or field in settings.model_fields_set or field not in _SUGGESTED:
        return Limit(value, f"The limit is {variable}.")
    return Limit(_SUGGESTED[field], f"The limit is a suggestion until {variable} is set.")
