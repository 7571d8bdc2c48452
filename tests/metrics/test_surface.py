import pytest

from queue_telemetry._runtime import DropReason
from queue_telemetry.metrics import Instruments, Registry


@pytest.fixture
def instruments(registry: Registry) -> Instruments:
    return Instruments(registry)


def test_asking_again_gives_the_same_handle(instruments: Instruments) -> None:
    assert instruments.counter("mails", provider="ses") is instruments.counter("mails", provider="ses")
    assert instruments.gauge("pool") is instruments.gauge("pool")
    assert instruments.timer("render", template="x") is instruments.timer("render", template="x")


def test_other_tag_values_are_another_series(instruments: Instruments) -> None:
    assert instruments.counter("mails", provider="ses") is not instruments.counter("mails", provider="smtp")


def test_tags_may_bear_any_name(instruments: Instruments) -> None:
    counter = instruments.counter("mails", name="n", self="s", **{"not an identifier": "i"})

    assert (("name", "self", "not an identifier"), ("n", "s", "i")) == (
        counter.series.metric.tags,
        counter.series.values,
    )


def test_a_name_that_cannot_be_used_counts_its_calls_as_dropped(
    instruments: Instruments, registry: Registry
) -> None:
    instruments.counter("").increment(5)
    instruments.counter("queue.tasks.completed").increment()
    instruments.gauge(" ").set(1)
    with instruments.timer("x" * 300):
        pass

    batch = registry.collect()
    assert {DropReason.INVALID: 4} == batch.dropped
    assert ([], [], []) == (batch.counters, batch.timings, batch.gauges)
