from collections.abc import Callable

import pytest
from statsd.client.base import PipelineBase

from queue_telemetry.statsd import Pipeline, StatsClient
from queue_telemetry.statsd._naming import Rendered
from queue_telemetry.statsd._pipeline import Sent

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
    client, sent = record(max_payload_bytes=64)
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
    client, sent = record(dialect)
    pipe = client.pipeline()
    lost = pipe.put_timings(series, [1.5, 0.00025], timer_type, calls_each)
    weight = pipe.weight
    pipe.send()

    assert (lost, weight) == (0, 2 * calls_each)
    assert sent == [payload]


@pytest.mark.parametrize(
    ("dialect", "payload"), [("statsd", "app.took:0|g\napp.took:-2|g"), ("datadog", "app.took:-2|g")]
)
def test_negative_gauge_is_absolute(record: Record, dialect: str, payload: str) -> None:
    client, sent = record(dialect)
    with client.pipeline() as pipe:
        assert isinstance(pipe, Pipeline)
        pipe.put_gauge(SERIES, "-2", 1)

    assert sent == [payload]


def test_weight_travels_with_the_datagram(record: Record) -> None:
    client, _ = record(max_payload_bytes=64)
    pipe = client.pipeline()
    for _ in range(6):
        pipe.put(SERIES, "100000|c", 7)  # 17 bytes and a newline: three fit
    pipe.seal()

    assert [pipe.send_next(), pipe.send_next(), pipe.send_next()] == [
        Sent(21, 53, None),
        Sent(21, 53, None),
        None,
    ]


def test_discarded_lines_are_never_sent(record: Record) -> None:
    client, sent = record()
    pipe = client.pipeline()
    pipe.put(SERIES, "1|c", 7)

    assert pipe.discard() == 7
    pipe.send()
    assert sent == []
