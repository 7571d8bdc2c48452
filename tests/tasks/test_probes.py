import asyncio
import functools
from collections.abc import AsyncIterator, Iterator

import pytest

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.metrics import CATALOG, Registry
from queue_telemetry.tasks import BrokerProbes, QueueGauge


@pytest.fixture
def probes() -> BrokerProbes:
    return BrokerProbes()


@pytest.fixture
def gauge(probes: BrokerProbes, telemetry: object) -> QueueGauge:
    registry: Registry = telemetry._tracker.registry  # type: ignore[attr-defined] # the room's own fixture
    return QueueGauge("queue_size:mail", registry.gauge(CATALOG["queue.size"], ("mail",)), probes)


def depth() -> float:
    return 3


async def later() -> float:
    return 3


async def steps() -> AsyncIterator[float]:
    yield 3


def generated() -> Iterator[float]:
    yield 3


class AsyncCall:
    async def __call__(self) -> float:
        return 3


def test_a_probe_is_registered_and_returned_as_it_was(gauge: QueueGauge, probes: BrokerProbes) -> None:
    assert depth is gauge.probe(depth)

    assert [("queue_size:mail", depth)] == [(probe.name, probe.function) for probe in probes.all()]


def test_the_last_probe_of_a_gauge_counts(gauge: QueueGauge, probes: BrokerProbes) -> None:
    gauge.probe(depth)
    gauge.probe(last := lambda: 4.0)

    assert [last] == [probe.function for probe in probes.all()]


@pytest.mark.parametrize(
    "function",
    [later, steps, generated, functools.partial(later), AsyncCall(), functools.partial(AsyncCall())],
    ids=["coroutine function", "async generator", "generator", "partial", "object", "partial of an object"],
)
def test_what_would_not_run_in_a_thread_is_refused_and_pointed_to_set(
    gauge: QueueGauge, probes: BrokerProbes, function: object
) -> None:
    with pytest.raises(ConfigurationError, match=r"queue_size\(mail\)\.probe.* \.set\(\)"):
        gauge.probe(function)  # type: ignore[type-var] # what is under test
    assert [] == probes.all()


def test_what_cannot_be_called_is_refused(gauge: QueueGauge) -> None:
    with pytest.raises(ConfigurationError, match=r"queue_size\(mail\)\.probe\(42\) cannot be called"):
        gauge.probe(42)  # type: ignore[type-var] # the same


def test_there_is_a_limit(gauge: QueueGauge, probes: BrokerProbes) -> None:
    for number in range(100):
        probes.register(f"queue_size:q{number}", gauge._gauge, depth)

    with pytest.raises(ConfigurationError, match="100 probes already"):
        gauge.probe(depth)
    probes.register("queue_size:q7", gauge._gauge, depth)  # a known one may change


def test_it_works_as_a_decorator_with_set_beside_it(gauge: QueueGauge) -> None:
    @gauge.probe
    def ask() -> float | None:
        return None

    gauge.set(3)
    assert ask() is None


def test_registering_starts_nothing(gauge: QueueGauge) -> None:
    gauge.probe(lambda: asyncio.run(later()))  # would raise if it were called here, inside a loop

    assert gauge._gauge._latest is None
