from queue_telemetry.metrics import ErrorTally, Histogram, Reading, SeriesKey, Summary, TypeSlice
from queue_telemetry.metrics.summary_bounds import bounded

_NOW_S = 100 * 3600.0
_EPOCH_S = 1e9


def _bounded(summary: Summary) -> Summary:
    return bounded(summary, _NOW_S, _EPOCH_S)


def _key(name: str, value: str) -> SeriesKey:
    return SeriesKey(name, ("who",), (value,))


def test_what_is_small_and_new_stays() -> None:
    summary = Summary(
        started_s=5.0,
        counters={_key("mails", "a"): 3},
        completed={5999: 1, 6000: 2},
        durations={599: {7: 1}, 600: {7: 2}},
        types={("mail", "send"): {200: TypeSlice(1, 0, 0, 1.0, 0.0, {7: 1}, {})}},
        sizes={"mail": Reading(_NOW_S, 3.0)},
        errors={"f": ErrorTally(_EPOCH_S, "E", "send", "", _EPOCH_S, 1, {6000: 1})},
    )

    assert summary == _bounded(summary)


def test_minutes_and_slices_of_more_than_an_hour_ago_go() -> None:
    old, new = TypeSlice(1, 0, 0, 1.0, 0.0, {7: 1}, {}), TypeSlice(2, 0, 0, 1.0, 0.0, {7: 1}, {})
    summary = _bounded(
        Summary(
            completed={5940: 1, 5941: 2, 6000: 3},
            duration_s={1: 1.0},
            waits={594: {7: 1}, 595: {7: 2}},
            types={("a", "old"): {1: old}, ("a", "new"): {1: old, 199: new}},
            errors={"f": ErrorTally(_EPOCH_S, "E", "send", "", 0.0, 9, {5000: 8, 6000: 1})},
        )
    )

    assert ({5941: 2, 6000: 3}, {}, {595: {7: 2}}) == (summary.completed, summary.duration_s, summary.waits)
    assert {("a", "new"): {199: new}} == summary.types
    assert {6000: 1} == summary.errors["f"].minutes
    assert 9 == summary.errors["f"].count


def test_sums_stay_when_there_are_too_many_series() -> None:
    counters = {_key("mails", str(number)): 1 for number in range(1500)} | {_key("other", "x"): 7}
    histograms = {_key("wait", str(number)): Histogram((1, 0), 2.0) for number in range(1500)}

    summary = _bounded(Summary(counters=counters, histograms=histograms))

    assert 1002 == len(summary.counters)
    assert 500 == summary.counters[_key("mails", "__other__")]
    assert 1 == summary.counters[_key("mails", "0")]
    assert sum(counters.values()) == sum(summary.counters.values())
    assert Histogram((500, 0), 1000.0) == summary.histograms[_key("wait", "__other__")]


def test_a_metric_too_many_is_counted_with_others() -> None:
    counters = {SeriesKey(f"metric{number}", (), ()): 1 for number in range(1100)}

    summary = _bounded(Summary(counters=counters))

    assert 1001 == len(summary.counters)
    assert 100 == summary.counters[SeriesKey("__other__", (), ())]


def test_types_too_many_are_one() -> None:
    one = TypeSlice(1, 0, 0, 1.0, 0.0, {7: 1}, {})

    summary = _bounded(Summary(types={("q", str(number)): {200: one} for number in range(1200)}))

    assert 1001 == len(summary.types)
    assert 200 == summary.types["__other__", "__other__"][200].completed


def test_of_errors_the_frequent_ones_of_a_day_stay() -> None:
    errors = {
        str(number): ErrorTally(_EPOCH_S, "E", "send", "", 0.0, number, {}) for number in range(300)
    } | {"old": ErrorTally(_EPOCH_S - 90_000, "E", "send", "", 0.0, 10**6, {})}

    summary = _bounded(Summary(errors=errors))

    assert {str(number) for number in range(100, 300)} == set(summary.errors)


def test_again_changes_nothing() -> None:
    counters = {_key("mails", str(number)): 1 for number in range(1500)}
    once = _bounded(Summary(counters=counters))

    assert once == _bounded(once)
