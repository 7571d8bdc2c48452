"""Probes: the user's own functions that ask the broker how many tasks wait and for how long, as they were registered."""

from collections.abc import Callable
from typing import Final, TypeVar

from queue_telemetry._runtime.callables import CallableKind, kind_of
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.metrics import Gauge

__all__ = ["BrokerProbe", "BrokerProbes", "ProbeFunction", "QueueGauge"]

ProbeFunction = Callable[[], float | None]
"""Asks the broker; None means that it does not know either."""
P = TypeVar("P", bound=ProbeFunction)

_MOST: Final = 100  # a thread each, and a file for the lock


class BrokerProbe:
    """One registered probe.

    Attributes:
        name: What it is for, such as `queue_size:maintenance`.
        gauge: What it tells.
        function: What to call.
    """

    __slots__ = ("function", "gauge", "name")

    def __init__(self, name: str, gauge: Gauge, function: ProbeFunction) -> None:
        self.name = name
        self.gauge = gauge
        self.function = function


class BrokerProbes:
    """The registered probes of one telemetry, by name. Any thread; nothing runs here."""

    def __init__(self) -> None:
        self._by_name: dict[str, BrokerProbe] = {}

    def register(self, name: str, gauge: Gauge, function: ProbeFunction) -> None:
        """Have *function* called from now on, instead of the one before.

        Raises:
            ConfigurationError: It cannot be called, is asynchronous, or is one too many.
        """
        what = f"{name.replace(':', '(', 1)}).probe"
        if not callable(function):
            raise ConfigurationError(f"{what}({function!r}) cannot be called")
        if kind_of(function) is not CallableKind.FUNCTION:
            raise ConfigurationError(
                f"{what}: {getattr(function, '__qualname__', function)!s} is asynchronous or a generator, and is called "
                "from a thread without a loop; call .set() from your own loop instead"
            )
        known = self._by_name.get(name)
        if known is not None:
            known.function = function
        elif len(self._by_name) >= _MOST:
            raise ConfigurationError(f"{what}: there are {_MOST} probes already; each has a thread")
        else:
            self._by_name[name] = BrokerProbe(name, gauge, function)

    def all(self) -> list[BrokerProbe]:
        """Return the probes, in the order they were registered."""
        return list(self._by_name.values())


class QueueGauge:
    """A number that the broker knows: set it whenever you know, or let a probe ask. Cheap to keep and safe to share.

    Set by hand, it is unknown again after five minutes without a new value.
    """

    __slots__ = ("_gauge", "_name", "_probes")

    def __init__(self, name: str, gauge: Gauge, probes: BrokerProbes) -> None:
        self._name = name
        self._gauge = gauge
        self._probes = probes

    def set(self, value: float) -> None:
        """Say the present value, a number in [-1e100, 1e100]. Must not block and must not raise."""
        self._gauge.set(value)

    def probe(self, function: P, /) -> P:
        """Have *function* called in the background, by one process a host; works as a decorator.

        It takes no arguments and returns the number, or None when it does not know. It runs in a thread of its own,
        never twice at a time, and may hang: the last value is shown as stale then, and later as unknown. What it raises
        is counted and said.

        Raises:
            ConfigurationError: It cannot be called, or is asynchronous: use `.set()` from your own loop.
        """
        self._probes.register(self._name, self._gauge, function)
        return function
