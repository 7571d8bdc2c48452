"""From the cells to the stats and the destination, each value once."""

import threading
from collections.abc import Mapping

import pytest

from queue_telemetry._runtime import SYSTEM_CLOCK, Gate
from queue_telemetry.logs import RecordBuffer
from queue_telemetry.metrics import Batch, Instruments, Registry, SeriesKey
from queue_telemetry.tasks import Tracker
from queue_telemetry.telemetry._collection import Collection


class Kept:
    """A destination that keeps the weight of each batch."""

    buffer: RecordBuffer | None = None

    def __init__(self) -> None:
        self.weights: list[int] = []
        self.counters: dict[SeriesKey, float] = {}

    @property
    def total(self) -> int:
        return sum(self.weights)

    def add(self, batch: Batch) -> None:
        self.weights.append(batch.weight)

    def start(self) -> bool:
        return True

    def tick(self) -> None: ...

    def forget(self) -> None: ...

    def flush(self, timeout_s: float) -> bool:
        return True

    def close(self, timeout_s: float) -> bool:
        return True

    def stats(self) -> dict[str, dict[str, object]]:
        return {}

    def self_counters(self) -> Mapping[SeriesKey, float]:
        return self.counters

    def failing(self) -> frozenset[str]:
        return frozenset()


@pytest.fixture
def registry() -> Registry:
    gate = Gate(lambda: True)
    gate.asleep = False
    return Registry(gate, SYSTEM_CLOCK)


@pytest.fixture
def collection(registry: Registry) -> Collection:
    return Collection(registry, Tracker(registry, Gate(lambda: True), SYSTEM_CLOCK), SYSTEM_CLOCK)


def test_without_a_destination_the_cells_keep_what_they_have(
    registry: Registry, collection: Collection
) -> None:
    """What is recorded while the outputs are being built must go to them."""
    Instruments(registry).counter("mails").increment()
    collection.collect()
    collection.observe()
    kept = Kept()
    collection.swap(kept)

    assert (True, False) == (collection.collect(), kept.total == 0)


def test_it_ran_once_it_collected(collection: Collection) -> None:
    collection.collect()
    before = collection.ran
    collection.swap(Kept())
    collection.collect()

    assert (False, True) == (before, collection.ran)


def test_what_was_recorded_before_a_swap_goes_to_the_destination_before(
    registry: Registry, collection: Collection
) -> None:
    first, second = Kept(), Kept()
    counter = Instruments(registry).counter("mails")
    collection.swap(first)
    counter.increment()

    assert first is collection.swap(second)

    collection.collect()
    assert (1, 0) == (first.total, second.total)


def test_swaps_among_collecting_threads_lose_and_double_nothing(
    registry: Registry, collection: Collection
) -> None:
    counter, stop = Instruments(registry).counter("mails"), threading.Event()
    destinations = [Kept() for _ in range(50)]

    def collect() -> None:
        while not stop.is_set():
            collection.collect()
            stop.wait(0.0001)  # locks are not fair

    threads = [threading.Thread(target=collect) for _ in range(2)]
    for thread in threads:
        thread.start()
    for destination in destinations:
        collection.swap(destination)
        for _ in range(20):
            counter.increment()
    stop.set()
    for thread in threads:
        thread.join(5)
    collection.collect()

    assert 1000 == sum(destination.total for destination in destinations)
    assert 1000 == collection.observe().totals["mails"]


def test_observing_inside_a_collection_returns_the_last_observation(
    registry: Registry, collection: Collection
) -> None:
    counter = Instruments(registry).counter("mails")
    collection.swap(Kept())
    counter.increment()
    collection.observe()
    seen: list[float] = []
    registry.add_source(lambda _: seen.append(collection.observe().totals["mails"]))
    counter.increment()
    collection.collect()

    assert [1] == seen


def test_a_child_forgets_what_its_parents_cells_hold(registry: Registry, collection: Collection) -> None:
    kept, counter = Kept(), Instruments(registry).counter("mails")
    collection.swap(Kept())
    counter.increment(5)
    collection.reset_after_fork()
    collection.forget_inherited()
    collection.swap(kept)
    counter.increment()
    collection.collect()

    assert (1, {"mails": 1}) == (kept.total, collection.observe().totals)


def test_the_summary_tells_what_became_of_the_data(collection: Collection) -> None:
    kept, delivered = Kept(), SeriesKey("queue.telemetry.delivered", ("signal", "reason"), ("metrics", ""))
    collection.swap(kept)
    assert collection.collect()
    before = collection.summary()
    assert before is collection.summary()

    kept.counters[delivered] = 3.0

    summary = collection.summary()
    assert summary is not None
    assert {delivered: 3.0} == summary.counters
    assert summary is collection.summary()


_DELIVERED = SeriesKey("queue.telemetry.delivered", ("signal", "reason"), ("metrics", ""))


def _delivered(collection: Collection) -> float:
    summary = collection.summary()
    assert summary is not None
    return summary.counters[_DELIVERED]


def test_what_became_of_the_data_counts_on_when_the_destination_is_replaced(collection: Collection) -> None:
    """Also while the one before is being closed, which sends the rest."""
    first, second = Kept(), Kept()
    first.counters[_DELIVERED] = 3.0
    collection.replace(first)
    found = [_delivered(collection)]

    collection.replace(second)
    found.append(_delivered(collection))
    first.counters[_DELIVERED] = 5.0
    found.append(_delivered(collection))
    second.counters[_DELIVERED] = 1.0
    first.counters[_DELIVERED] = 6.0
    collection.let_go(first)
    found.append(_delivered(collection))
    first.counters[_DELIVERED] = 99.0

    assert [3, 3, 5, 7, 7] == [*found, _delivered(collection)]


def test_a_destination_that_comes_back_counts_once(collection: Collection) -> None:
    kept = Kept()
    kept.counters[_DELIVERED] = 3.0
    collection.swap(kept)
    before = _delivered(collection)
    collection.swap(Kept())
    kept.counters[_DELIVERED] = 4.0
    collection.swap(kept)

    assert (3, 4) == (before, _delivered(collection))
