"""What a pipeline is given of the settings: how much it may hold, and what it keeps on disk. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

__all__ = ["Durability", "Limits", "LossRecord", "Storage"]

_MIB: Final = 1024 * 1024

Durability: TypeAlias = Literal["memory", "spill", "wal"]
"""`memory`: nothing on disk but dead letters. `spill`: what cannot be sent now, and what is left at the end. `wal`: each
record before its logger call returns."""

LossRecord: TypeAlias = Callable[[Mapping[str, int], float, float], bytes]
"""Makes the line of a `telemetry_loss` record from counts by drop reason and the time span of the losses, both ends in
seconds since the epoch. Ends with a newline; must not raise."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a pipeline gathers and holds.

    Attributes:
        batch_bytes: Size of a batch.
        linger_s: How long a record waits for company.
        max_memory_bytes: Limit of all lines in memory.
    """

    batch_bytes: int = _MIB
    linger_s: float = 1.0
    max_memory_bytes: int = 32 * _MIB


@dataclass(frozen=True, slots=True)
class Storage:
    """What a pipeline may keep on disk.

    Attributes:
        folder: LOG_SPOOL_DIR; dead letters go there at any durability.
        durability: What is written there.
        max_bytes: Limit of the lines on disk.
        max_age_s: Seconds after which a record is not worth sending.
        owner: Whoever makes one pipeline after another for the same folder and destination, such as a telemetry that is
            configured again; others are refused.
    """

    folder: Path
    durability: Durability = "memory"
    max_bytes: int = 256 * _MIB
    max_age_s: float = 43_200.0
    owner: object | None = None
