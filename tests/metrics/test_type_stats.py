from queue_telemetry.metrics.sketch import buckets_of
from queue_telemetry.metrics.tallies import Labels, TypeSlice
from queue_telemetry.metrics.type_stats import TypeStats

_SEND: Labels = ("mail", "send")


def _complete(stats: TypeStats, now_s: float, labels: Labels = _SEND) -> None:
    stats.tally(labels, now_s).outcomes["completed"] += 1


def _completed(read: dict[Labels, dict[int, TypeSlice]]) -> dict[Labels, dict[int, int]]:
    return {labels: {at: one.completed for at, one in slices.items()} for labels, slices in read.items()}


def test_a_slice_holds_what_was_counted() -> None:
    stats = TypeStats()
    tally = stats.tally(_SEND, 0.0)
    tally.outcomes["failed"] += 2
    tally.outcomes["retried"] += 3
    tally.add_durations([1.0, 2.0], buckets_of([1.0, 2.0]))
    tally.add_waits([0.5], buckets_of([0.5]))

    one = stats.read(0.0)[_SEND][0]

    assert (0, 2, 3, 3.0, 0.5) == (one.completed, one.failed, one.retried, one.duration_s, one.wait_s)
    assert (2, 1) == (sum(one.durations.values()), sum(one.waits.values()))


def test_two_slices_are_kept() -> None:
    stats = TypeStats()
    for now_s in (0.0, 1800.0, 1801.0, 3600.0):
        _complete(stats, now_s)

    assert {_SEND: {1: 2, 2: 1}} == _completed(stats.read(3600.0))


def test_a_type_that_did_nothing_lately_is_forgotten() -> None:
    stats = TypeStats()
    _complete(stats, 0.0)

    assert {_SEND: {0: 1}} == _completed(stats.read(3599.0))
    assert {} == stats.read(3600.0)


def test_a_slice_that_does_not_change_is_the_same_value() -> None:
    stats = TypeStats()
    _complete(stats, 0.0)
    first = stats.read(1.0)[_SEND][0]
    _complete(stats, 2.0, ("mail", "sort"))

    assert stats.read(3.0)[_SEND][0] is first
    _complete(stats, 4.0)
    assert (1, 2) == (first.completed, stats.read(5.0)[_SEND][0].completed)


def test_a_clock_that_steps_back_loses_nothing() -> None:
    stats = TypeStats()
    _complete(stats, 3600.0)
    _complete(stats, 0.0)

    assert {_SEND: {2: 2}} == _completed(stats.read(0.0))


def test_types_beyond_a_thousand_count_as_other() -> None:
    stats = TypeStats()
    for number in range(1_002):
        _complete(stats, 0.0, ("mail", str(number)))
    _complete(stats, 0.0, ("mail", "7"))

    read = _completed(stats.read(0.0))

    assert 1_001 == len(read)
    assert ({0: 2}, {0: 2}) == (read["__other__", "__other__"], read["mail", "7"])
