from queue_telemetry.metrics.performance import PerformanceReader
from queue_telemetry.metrics.tallies import Labels, TypeSlice

_SEND: Labels = ("mail", "send")


def _slice(completed: int) -> TypeSlice:
    return TypeSlice(completed, 0, 0, float(completed), 0.0, {4064: completed}, {})


def test_what_did_not_change_is_read_once() -> None:
    reader, slices = PerformanceReader(), {0: _slice(60)}

    (first,) = reader.read({_SEND: slices}, 0.0, 100.0)
    (second,) = reader.read({_SEND: slices}, 0.0, 101.0)

    assert second is first


def test_a_rate_is_never_out_of_date_by_more_than_two_percent() -> None:
    reader, slices = PerformanceReader(), {0: _slice(60)}

    for now_s in range(2, 1_000):
        (row,) = reader.read({_SEND: slices}, 0.0, float(now_s))
        assert abs(row.rate_per_s * now_s / 60 - 1) < 0.021


def test_what_changed_is_read_again() -> None:
    reader = PerformanceReader()
    reader.read({_SEND: {0: _slice(60)}}, 0.0, 100.0)

    (row,) = reader.read({_SEND: {0: _slice(61)}}, 0.0, 100.0)

    assert 61 == row.count


def test_slices_fall_out_as_time_goes_on() -> None:
    reader, slices = PerformanceReader(), {0: _slice(1), 1: _slice(2)}
    types = {_SEND: slices}

    assert [[3], [2], []] == [
        [row.count for row in reader.read(types, 0.0, now_s)] for now_s in (1_900.0, 3_700.0, 5_500.0)
    ]


def test_a_type_that_is_gone_is_forgotten() -> None:
    reader = PerformanceReader()
    reader.read({_SEND: {0: _slice(1)}}, 0.0, 100.0)
    reader.read({}, 0.0, 100.0)

    assert {} == reader._known
