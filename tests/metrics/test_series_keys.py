from queue_telemetry.metrics.batch import Series
from queue_telemetry.metrics.catalog import CATALOG, Kind, Metric
from queue_telemetry.metrics.series_keys import SeriesKeys
from queue_telemetry.metrics.tallies import SeriesKey

_COMPLETED = CATALOG["queue.tasks.completed"]


def test_a_key_leaves_static_tags_out() -> None:
    keys = SeriesKeys()
    one = Series(_COMPLETED, ("mail", "send"), (("tier", "free"),))
    other = Series(_COMPLETED, ("mail", "send"), (("tier", "paid"),))

    expected = SeriesKey("queue.tasks.completed", ("queue", "type"), ("mail", "send"))
    assert expected == keys.of(one) == keys.of(other)


def test_series_of_a_metric_beyond_a_thousand_are_other() -> None:
    keys = SeriesKeys()
    read = [keys.of(Series(_COMPLETED, ("mail", str(number)))).values for number in range(1_002)]

    assert [("mail", "999"), ("__other__", "__other__"), ("__other__", "__other__")] == read[-3:]
    assert ("mail", "7") == keys.of(Series(_COMPLETED, ("mail", "7"))).values


def test_metrics_beyond_a_thousand_share_a_name() -> None:
    keys = SeriesKeys()
    read = [keys.of(Series(Metric(f"m{number}", Kind.COUNTER))).name for number in range(1_001)]

    assert ["m999", "__other__"] == read[-2:]


def test_all_series_together_are_bounded() -> None:
    keys = SeriesKeys()
    metrics = [Metric(f"m{number}", Kind.COUNTER, ("key",)) for number in range(20)]
    read = {keys.of(Series(metric, (str(n),))) for metric in metrics for n in range(900)}

    assert 10_000 + 9 == len(read)  # the twelfth metric is told in part, those after it as other
    assert len(keys._keys) <= 10_000
