"""How much may go to a destination at once: all, a probe, or more with each success after trouble."""

from enum import StrEnum
from random import uniform
from typing import Final

__all__ = ["Circuit", "CircuitState"]

_OPENS_FROM: Final = 3  # failures in a row; one or two may be a collector's restart
_PROBE_BYTES: Final = (
    16 * 1024
)  # a few dozen records: enough to see that they are taken, nothing to a dying collector
_PACE_S: Final = 1.0  # 500 clients that ramp up ask for twice as much each half second, not at each answer


class CircuitState(StrEnum):
    """Whether a destination is trusted with whole batches."""

    CLOSED = "closed"
    """It is."""
    OPEN = "open"
    """It is not: at each attempt it gets a probe."""
    RAMPING = "ramping"
    """It took one, and gets twice as much each time."""


class Circuit:
    """The circuit to one destination. Read and written by whoever has the chunk in flight.

    Args:
        full_bytes: The size of a whole batch.

    Attributes:
        state: The present state.
    """

    def __init__(self, full_bytes: int) -> None:
        self.state = CircuitState.CLOSED
        self._full_bytes = full_bytes
        self._ramp_bytes = 0

    @property
    def allowance_bytes(self) -> int | None:
        """Bytes of lines that the next request may hold; None for no limit."""
        if self.state is CircuitState.CLOSED:
            return None
        return min(_PROBE_BYTES, self._full_bytes) if self.state is CircuitState.OPEN else self._ramp_bytes

    def failed(self, failures: int) -> None:
        """Note a failure, the last of so many in a row."""
        if failures >= _OPENS_FROM or self.state is CircuitState.RAMPING:
            self.open()

    def open(self) -> None:
        """Trust the destination with nothing but a probe from now on."""
        self.state = CircuitState.OPEN

    def succeeded(self) -> float:
        """Note a success and return the seconds to wait before the next request."""
        if self.state is CircuitState.CLOSED:
            return 0.0
        sent_bytes = _PROBE_BYTES if self.state is CircuitState.OPEN else self._ramp_bytes
        self._ramp_bytes = 2 * sent_bytes
        self.state = CircuitState.CLOSED if self._ramp_bytes >= self._full_bytes else CircuitState.RAMPING
        return uniform(0, _PACE_S)  # noqa: S311 - jitter, not a secret
