"""OpenTelemetry's logs in JSON."""

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from queue_telemetry.logs._answer import Answer, Failure
from queue_telemetry.logs._verdict import Action, Verdict
from queue_telemetry.logs.formats import OtlpFormat

Lines = Callable[..., bytearray]


def log_records(body: bytes | bytearray) -> list[dict[str, Any]]:
    return [
        record
        for resource in json.loads(body)["resourceLogs"]
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ]


def test_the_exact_bytes_of_a_record(lines: Lines) -> None:
    change = {"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "B7AD6B7169203331", "thread": None}

    assert (
        b'{"resourceLogs":[{"resource":{"attributes":['
        b'{"key":"service.name","value":{"stringValue":"billing"}},'
        b'{"key":"service.version","value":{"stringValue":"1.2.3"}},'
        b'{"key":"deployment.environment.name","value":{"stringValue":"prod"}},'
        b'{"key":"host.name","value":{"stringValue":"h1"}},'
        b'{"key":"process.pid","value":{"intValue":"71"}}]},'
        b'"scopeLogs":[{"scope":{"name":"queue_telemetry"},"logRecords":['
        b'{"timeUnixNano":"1762337730123456000","observedTimeUnixNano":"1762337730123456000",'
        b'"severityNumber":9,"severityText":"INFO","body":{"stringValue":"said \\"h\xc3\xa9\\""},"attributes":['
        b'{"key":"event.name","value":{"stringValue":"task_completed"}},'
        b'{"key":"task_id","value":{"stringValue":"123"}},'
        b'{"key":"logger","value":{"stringValue":"app.tasks"}},'
        b'{"key":"code.function.name","value":{"stringValue":"cleanup"}},'
        b'{"key":"code.line.number","value":{"intValue":"12"}},'
        b'{"key":"record_id","value":{"stringValue":"r-1"}}],'
        b'"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"B7AD6B7169203331"}]}]}]}'
    ) == OtlpFormat().body(lines(change))


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        ("TRACE", 1),
        ("DEBUG", 5),
        ("INFO", 9),
        ("SUCCESS", 10),
        ("WARNING", 13),
        ("ERROR", 17),
        ("CRITICAL", 21),
        ("AUDIT", None),
    ],
)
def test_levels_have_their_numbers(lines: Lines, level: str, severity: int | None) -> None:
    (record,) = log_records(OtlpFormat().body(lines({"level": level})))

    assert (severity, level) == (record.get("severityNumber"), record["severityText"])


def test_records_of_one_resource_are_together(lines: Lines) -> None:
    body = json.loads(OtlpFormat().body(lines({"pid": 1}, {"pid": 2}, {"pid": 1}, {"service": None})))

    assert [2, 1, 1] == [len(resource["scopeLogs"][0]["logRecords"]) for resource in body["resourceLogs"]]
    assert {"key": "service.name", "value": {"stringValue": "unknown_service"}} in body["resourceLogs"][2][
        "resource"
    ]["attributes"]


def test_an_error_has_the_names_of_the_conventions(lines: Lines) -> None:
    error = {"type": "ValueError", "message": "m", "fingerprint": "9f", "stack": "s"}
    (record,) = log_records(OtlpFormat().body(lines({"error": error, "exception.type": "mine"})))
    found = {pair["key"]: pair["value"] for pair in record["attributes"]}

    assert {
        "exception.type": {"stringValue": "ValueError"},
        "exception.message": {"stringValue": "m"},
        "exception.stacktrace": {"stringValue": "s"},
        "error.fingerprint": {"stringValue": "9f"},
        "extra_exception.type": {"stringValue": "mine"},
    } == {key: value for key, value in found.items() if "exception" in key or "error" in key}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (True, {"boolValue": True}),
        (-(2**63), {"intValue": "-9223372036854775808"}),
        (2**63, {"stringValue": "9223372036854775808"}),
        (1.5, {"doubleValue": 1.5}),
        ([1, None], {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "null"}]}}),
        ({"a": "b", "n": None}, {"kvlistValue": {"values": [{"key": "a", "value": {"stringValue": "b"}}]}}),
        ({}, {"kvlistValue": {"values": []}}),
    ],
)
def test_values_bear_their_type(lines: Lines, value: object, written: object) -> None:
    (record,) = log_records(OtlpFormat().body(lines({"mine": value})))

    assert {"key": "mine", "value": written} in record["attributes"]


def test_what_is_nested_deep_becomes_text(lines: Lines) -> None:
    value: object = "deep"
    for _ in range(200):
        value = [value]
    body = OtlpFormat().body(lines({"mine": value}))

    assert b'{"stringValue":"[[[[' in body


@pytest.mark.parametrize("trace_id", ["0" * 32, "xyz", 7, "0af7651916cd43dd8448eb211c80319"])
def test_an_id_that_is_none_stays_an_attribute(lines: Lines, trace_id: object) -> None:
    (record,) = log_records(OtlpFormat().body(lines({"trace_id": trace_id})))

    assert "traceId" not in record
    assert ["trace_id"] == [pair["key"] for pair in record["attributes"] if pair["key"] == "trace_id"]


@pytest.mark.parametrize(
    ("body", "unnamed"),
    [
        (b'{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"no"}}', 3),
        (b'{"partialSuccess":{"rejectedLogRecords":3}}', 3),
        (b'{"partialSuccess":{"rejectedLogRecords":"99"}}', 5),
        (b'{"partialSuccess":{"rejectedLogRecords":"-1"}}', 0),
        (b'{"partialSuccess":{"rejectedLogRecords":true}}', 0),
        (b'{"partialSuccess":{"rejectedLogRecords":[]}}', 0),
        (b'{"partialSuccess":null}', 0),
        (b'{"partialSuccess":{}}', 0),
        (b"{}", 0),
        (b"", 0),
    ],
)
def test_a_partial_success_counts_what_it_refused(body: bytes, unnamed: int) -> None:
    verdict = OtlpFormat().read(Answer(200, body=body), 5)

    assert (Action.DECIDED, unnamed, ()) == (verdict.action, verdict.unnamed, verdict.again)


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (400, Action.BISECT),
        (401, Action.PARK),
        (408, Action.BISECT),
        (413, Action.SPLIT),
        (429, Action.RETRY),
        (500, Action.BISECT),
        (502, Action.RETRY),
        (503, Action.RETRY),
        (504, Action.RETRY),
        (507, Action.BISECT),
    ],
)
def test_few_statuses_may_be_repeated(status: int, action: Action) -> None:
    assert action is OtlpFormat().read(Answer(status), 5).action


def test_a_connection_without_an_answer_is_repeated() -> None:
    assert Verdict(Action.RETRY) == OtlpFormat().read(Answer(None, Failure.NETWORK), 5)


@pytest.mark.parametrize(
    "value", [[], {}, 1, [[[[[[]]]]]], {"": {"": []}}], ids=["list", "dict", "number", "deep", "keys"]
)
def test_no_body_is_larger_than_the_usual_collector_takes(value: object) -> None:
    line = orjson.dumps({"message": "m", "v": [value] * 1_000}) + b"\n"
    wire_format = OtlpFormat()
    lines = bytearray(line * min(wire_format.max_batch_bytes // len(line), wire_format.max_records))

    assert len(wire_format.body(lines)) < 20 * 1024 * 1024
