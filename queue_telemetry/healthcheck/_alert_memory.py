"""What one process knows of alerts, as its heir is to know it: a value, and its bytes. Pure: no clock, no file, no state."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import orjson

from queue_telemetry.healthcheck.evaluate import Finding
from queue_telemetry.healthcheck.report import HealthStatus, Reason

__all__ = ["AlertMemory"]

_FORMAT: Final = 1
_RULES: Final = frozenset(map(str, Reason))


@dataclass(frozen=True, slots=True)
class AlertMemory:
    """The alerts of a service at one moment. All times are seconds since the epoch.

    Attributes:
        written_s: That moment.
        since_s: From when on alerts are minded; a service that went on without a break has its first process's start here.
        status: The verdict of the last alert.
        firing: What fired and is not resolved, with what was measured then.
        fired_at_s: When each fired last.
        hour_s: When the last alerts fired.
    """

    written_s: float
    since_s: float
    status: HealthStatus = HealthStatus.HEALTHY
    firing: Mapping[Reason, Finding] = field(default_factory=dict)
    fired_at_s: Mapping[Reason, float] = field(default_factory=dict)
    hour_s: tuple[float, ...] = ()

    def encode(self) -> bytes:
        """Return it as JSON."""
        plain = {
            "format": _FORMAT,
            "written_s": self.written_s,
            "since_s": self.since_s,
            "status": self.status,
            "firing": {str(rule): [one.value, one.threshold] for rule, one in self.firing.items()},
            "fired_at_s": {str(rule): at_s for rule, at_s in self.fired_at_s.items()},
            "hour_s": self.hour_s,
        }
        return orjson.dumps(plain)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return what *data* tells; reasons that are not known here, as of a newer release, are left out.

        Raises:
            ValueError: It is of another format, or no memory at all.
        """
        plain = orjson.loads(data)
        if not isinstance(plain, dict) or plain.get("format") != _FORMAT:
            raise ValueError("no memory of this format")
        try:
            return cls(
                _number(plain["written_s"]),
                _number(plain["since_s"]),
                HealthStatus(plain["status"]),
                {
                    rule: Finding(_measured(value), _measured(threshold))
                    for rule, (value, threshold) in _known(plain["firing"]).items()
                },
                {rule: _number(at_s) for rule, at_s in _known(plain["fired_at_s"]).items()},
                tuple(_number(at_s) for at_s in plain["hour_s"]),
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError("the memory is of other types") from error


def _known(plain: Mapping[str, Any]) -> dict[Reason, Any]:
    return {Reason(name): value for name, value in plain.items() if name in _RULES}


def _measured(value: object) -> float | None:
    return None if value is None else _number(value)


def _number(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError("a number is none")
    return value
