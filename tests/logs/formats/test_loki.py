"""Loki's push interface."""

import json
from collections.abc import Callable

import pytest

from queue_telemetry.logs._answer import Answer
from queue_telemetry.logs._verdict import Action, Verdict
from queue_telemetry.logs.formats import LokiFormat

Lines = Callable[..., bytearray]


def test_the_exact_bytes_of_a_record(lines: Lines) -> None:
    small = dict.fromkeys(("version", "pid", "thread", "logger", "function", "line", "host", "task_id"))

    assert (
        b'{"streams":[{"stream":{"service_name":"billing","env":"prod","level":"info"},"values":['
        b'["1762337730123456000",'
        b'"{\\"timestamp\\":\\"2025-11-05T10:15:30.123456Z\\",\\"level\\":\\"INFO\\",\\"event\\":\\"task_completed\\",'
        b'\\"message\\":\\"said \\\\\\"h\xc3\xa9\\\\\\"\\",\\"service\\":\\"billing\\",\\"env\\":\\"prod\\",'
        b'\\"record_id\\":\\"r-1\\"}",{"event":"task_completed","record_id":"r-1"}]]}]}'
    ) == LokiFormat().body(lines(small))


def test_entries_are_sorted_in_each_stream_and_equal_times_keep_their_order(lines: Lines) -> None:
    late, early = "2025-11-05T10:15:31.000000Z", "2025-11-05T10:15:30.000000Z"
    batch = lines(
        {"message": "1", "timestamp": late},
        {"message": "2", "timestamp": early},
        {"message": "3", "timestamp": early},
        {"message": "4", "timestamp": early, "level": "ERROR"},
    )
    streams = json.loads(LokiFormat().body(batch))["streams"]

    assert [["2", "3", "1"], ["4"]] == [
        [json.loads(line)["message"] for _, line, _ in stream["values"]] for stream in streams
    ]
    assert ["info", "error"] == [stream["stream"]["level"] for stream in streams]


def test_structured_metadata_is_text_and_short(lines: Lines) -> None:
    body = LokiFormat().body(lines({"task_id": 7, "queue": {"a": [1]}, "worker_id": "w" * 9000}))
    ((_, _, metadata),) = json.loads(body)["streams"][0]["values"]

    assert {
        "event": "task_completed",
        "task_id": "7",
        "queue": '{"a":[1]}',
        "worker_id": "w" * 512,
        "record_id": "r-1",
        "host": "h1",
    } == metadata


@pytest.mark.parametrize(
    "line", [b"{}", b'{"service":""}', b'{"service":null}'], ids=["none", "empty", "null"]
)
def test_a_record_of_no_service_has_a_label_nevertheless(line: bytes) -> None:
    body = bytes(LokiFormat().body(bytearray(line + b"\n")))

    assert body.startswith(b'{"streams":[{"stream":{"service_name":"unknown_service"},"values":[[')


def test_a_record_without_a_time_has_the_present_one(lines: Lines) -> None:
    ((moment, *_),) = json.loads(LokiFormat().body(lines({"timestamp": "soon"})))["streams"][0]["values"]

    assert 19 == len(moment)


@pytest.mark.parametrize(
    ("text", "unnamed"),
    [
        ("1 errors like: Max entry size '262144' bytes exceeded for stream '{level=\"info\"}'", 1),
        ("3 errors like: entry too long; 2 errors like: timestamp too old", 5),
        (
            "entry with timestamp 7 ignored, reason: 'late',\nuser 'fake', total ignored: 4 out of 9 for stream: {}",
            4,
        ),
        ("99999999 errors like: x", 10),
        ("couldn't parse push request", 10),
        ("error at least one label pair is required per stream", 10),
        ("stream 'x' has timestamp too new", 10),
        ("error parsing labels '{a' with error: parse error", 10),
        ("at least one valid stream is required for ingestion", 10),
        ("loghttp.PushRequest.Streams: []loghttp.LogProtoStream: unmarshalerDecoder: ReadArray", 10),
    ],
)
def test_a_400_stored_all_but_what_it_counts_or_nothing_when_it_counts_nothing(
    text: str, unnamed: int
) -> None:
    verdict = LokiFormat().read(Answer(400, body=text.encode()), 10)

    assert (Action.DECIDED, (), (), unnamed) == (
        verdict.action,
        verdict.rejected,
        verdict.again,
        verdict.unnamed,
    )


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (204, Action.DECIDED),
        (260, Action.PARK),
        (429, Action.RETRY),
        (413, Action.SPLIT),
        (500, Action.RETRY),
    ],
)
def test_answers(status: int, action: Action) -> None:
    assert Verdict(action) == LokiFormat().read(Answer(status), 3)


def test_its_limits_are_lokis() -> None:
    assert (256 * 1024, 7 * 86_400) == (LokiFormat().max_record_bytes, LokiFormat().max_age_s)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>400 Bad request (proxy)</body></html>",
        b"400: no such entry point",
        b"unknown tenant, wrong label",
    ],
)
def test_a_400_without_lokis_words_is_a_setting(body: bytes) -> None:
    assert Action.PARK is LokiFormat().read(Answer(400, body=body), 10).action
