"""The instruments that users make for themselves: counter, gauge and timer by name and tags."""

from queue_telemetry.metrics.instruments import Counter, Gauge
from queue_telemetry.metrics.registry import Registry
from queue_telemetry.metrics.timer import Timer

__all__ = ["Instruments"]


class Instruments:
    """Makes the user's own instruments. Handles are cheap to keep, and asking again gives the same one.

    A name that cannot be used gives an instrument whose calls count as dropped, with the reason `invalid`.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def counter(self, name: str, /, **tags: object) -> Counter:
        """Return the counter *name* with these tags; `.increment(amount=1)`."""
        return self._registry.user_counter(name, tags)

    def gauge(self, name: str, /, **tags: object) -> Gauge:
        """Return the gauge *name* with these tags; `.set(value)`. Re-sent until the process ends, by each process."""
        return self._registry.user_gauge(name, tags)

    def timer(self, name: str, /, **tags: object) -> Timer:
        """Return the timer *name* with these tags; `with`, `async with`, `@`, or `.observe(seconds)`."""
        return self._registry.user_timer(name, tags)
