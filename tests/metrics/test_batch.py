from queue_telemetry._runtime import DropReason
from queue_telemetry.metrics import CATALOG, Batch, Series

_SIZE = Series(CATALOG["queue.size"], ("mail",))
_WAIT = Series(CATALOG["queue.task.wait"], ("mail", "send"))
_EMPTY = Series(CATALOG["queue.claims.empty"], ("mail",))


def test_a_batch_weighs_the_calls_in_it_and_those_that_are_lost() -> None:
    batch = Batch(
        counters=[(_EMPTY, 10, 3)], timings=[(_WAIT, [0.1, 0.2])], gauges=[(_SIZE, None, 1), (_SIZE, 4, 0)]
    )
    batch.drop(5, DropReason.OVERFLOW)

    assert 3 + 2 + 1 + 5 == batch.weight


def test_an_empty_batch_weighs_nothing() -> None:
    assert 0 == Batch().weight


def test_losses_add_up_by_reason_and_nothing_is_no_loss() -> None:
    batch = Batch()
    for weight, reason in [(2, DropReason.INVALID), (0, DropReason.OVERFLOW), (3, DropReason.INVALID)]:
        batch.drop(weight, reason)

    assert {DropReason.INVALID: 5} == batch.dropped


def test_a_series_is_known_by_identity() -> None:
    assert Series(CATALOG["queue.size"], ("mail",)) != _SIZE
