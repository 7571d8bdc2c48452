from collections.abc import Callable

import pytest
from statsd.client.base import PipelineBase

from queue_telemetry.statsd import Pipeline, StatsClient
from queue_telemetry.statsd._naming import Rendered

Record = Callable[..., tuple[StatsClient, list[str]]]
SERIES = Rendered("app.took", "")
TAGGED = Rendered("app.took", "|#queue:mail")


def test_pipeline_is_one_of_the_package(record: Record) -> None:
    client, _ = record()

    assert isinstance(client.pipeline(), PipelineBase)


def test_nothing_is_sent_before_the_block_ends(record: Record) -> None:
    client, sent = record()
    with client.pipeline() as pipe:
        pipe.incr("a")
        before = list(sent)

    assert (before, sent) == ([], ["app.a:1|c"])


def test_block_that_raises_still_sends(record: Record) -> None:
    client, sent = record()
    with pytest.raises(KeyError), client.pipeline() as pipe:
        pipe.incr("a")
        raise KeyError

    assert sent == ["app.a:1|c"]


def test_empty_pipeline_sends_nothing(record: Record) -> None:
    client, sent = record()
    client.pipeline().send()

    assert sent == []


def test_closing_a_pipeline_sends_it_and_leaves_the_client_open(record: Record) -> None:
    client, sent = record()
    pipe = client.pipeline()
    pipe.incr("a")
    pipe.close()
    client.incr("b")

    assert sent == ["app.a:1|c", "app.b:1|c"]


def test_line_too_long_for_a_datagram_is_counted(record: Record) -> None:
    client, sent = record(maxudpsize=64)
    with client.pipeline() as pipe:
        pipe.set("users", "x" * 100)
        pipe.incr("a")

    assert sent == ["app.a:1|c"]
    assert client.stats()["lines_dropped"] == {"oversize": 1}


@pytest.mark.parametrize(
    ("dialect", "series", "timer_type", "calls_each", "payload"),
    [
        ("statsd", SERIES, "ms", 1, "app.took:1500.000|ms\napp.took:0.250|ms"),
        ("statsd", SERIES, "ms", 4, "app.took:1500.000|ms|@0.25\napp.took:0.250|ms|@0.25"),
        ("datadog", TAGGED, "d", 1, "app.took:1.500000:0.000250|d|#queue:mail"),
        ("datadog", TAGGED, "h", 2, "app.took:1.500000:0.000250|h|@0.5|#queue:mail"),
        ("datadog", TAGGED, "ms", 1, "app.took:1500.000:0.250|ms|#queue:mail"),
    ],
)
def test_timings_are_in_the_unit_of_their_type(
    record: Record, dialect: str, series: Rendered, timer_type: str, calls_each: int, payload: str
) -> None:
    client, _ = record(dialect)
    pipe = client.pipeline()
    lost = pipe.put_timings(series, [1.5, 0.00025], timer_type, calls_each)
    datagrams = list(iter(pipe.pop, None))

    assert lost == 0
    assert datagrams == [(payload, 2 * calls_each, ())]


@pytest.mark.parametrize(
    ("dialect", "series", "payload"),
    [
        ("statsd", SERIES, "app.took:0|g\napp.took:-2|g"),
        (
            "graphite",
            Rendered("app.took;queue=mail", ""),
            "app.took;queue=mail:0|g\napp.took;queue=mail:-2|g",
        ),
        ("datadog", TAGGED, "app.took:0|g|#queue:mail\napp.took:-2|g|#queue:mail"),
    ],
)
def test_negative_gauge_is_absolute_since_a_zero_goes_before_it_in_one_datagram(
    record: Record, dialect: str, series: Rendered, payload: str
) -> None:
    client, sent = record(dialect)
    with client.pipeline() as pipe:
        assert isinstance(pipe, Pipeline)
        pipe.put_gauge(series, "-2", 1)

    assert sent == [payload]


def test_weight_travels_with_the_datagram(record: Record) -> None:
    client, _ = record(maxudpsize=64)
    pipe = client.pipeline()
    for _ in range(6):
        pipe.put(SERIES, "100000|c", 7)  # 17 bytes and a newline: three fit

    assert [pipe.pop(), pipe.pop(), pipe.pop()] == [
        ("\n".join(["app.took:100000|c"] * 3), 21, ()),
        ("\n".join(["app.took:100000|c"] * 3), 21, ()),
        None,
    ]
