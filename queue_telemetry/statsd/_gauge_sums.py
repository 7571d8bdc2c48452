"""What gauges stand at, for servers to whom a change means nothing: changes are added up here and sent as values."""

import threading
from typing import Final

from queue_telemetry.statsd._numbers import decimal_text

__all__ = ["GaugeSums"]

_MAX_GAUGES: Final = 1024


class GaugeSums:
    """The last value of each gauge that was set or changed by a call. The lock guards the values.

    Beyond a number of gauges new ones are not remembered: they can be set, but not changed. A gauge that was never set
    begins at 0, as it does at a server that knows changes. Threads that change one gauge at once may send their values
    in another order; the next change is right again.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # re-entrant for signal handlers
        self._values: dict[str, int | float] = {}

    def reset_after_fork(self) -> None:
        """In a forked child: get a lock of its own. What gauges stand at stays known, as it does at the receiver."""
        self._lock = threading.RLock()

    def set(self, key: str, number: str) -> None:
        """Remember a value, a plain decimal."""
        with self._lock:
            self._remember(key, _value(number))

    def add(self, key: str, number: str) -> str | None:
        """Change a value; return the new one as a plain decimal, None when it cannot be known or sent."""
        with self._lock:
            try:
                value = self._values.get(key, 0) + _value(number)
            except OverflowError:  # an int beyond what a double holds, and a fraction
                return None
            text = decimal_text(value)
            return text if text is not None and self._remember(key, value) else None

    def _remember(self, key: str, value: float) -> bool:
        if key not in self._values and len(self._values) >= _MAX_GAUGES:
            return False
        self._values[key] = value
        return True


def _value(number: str) -> int | float:
    return float(number) if "." in number else int(number)
