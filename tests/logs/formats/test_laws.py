"""What holds for every format, whatever is logged and whatever a collector answers."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.logs._answer import Answer, Failure
from queue_telemetry.logs._encoder import encode
from queue_telemetry.logs._verdict import Action
from queue_telemetry.logs.formats import FORMATS, Format

_URL = "https://c.test"
_KEYS = st.sampled_from(
    [
        *(
            "timestamp",
            "level",
            "event",
            "message",
            "service",
            "env",
            "version",
            "host",
            "pid",
            "error",
            "line",
        ),
        *(
            "record_id",
            "trace_id",
            "span_id",
            "status",
            "host.name",
            "log",
            "extra_log",
            "@timestamp",
            "ddtags",
        ),
    ]
) | st.text(max_size=8)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**65)
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(
        ["2025-11-05T10:15:30.123456Z", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999+00:00"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)
_RECORDS = st.lists(st.dictionaries(_KEYS, _VALUES, max_size=8), min_size=1, max_size=5)


def _count_array(body: bytes) -> int:
    array = json.loads(body)
    assert all(isinstance(item, dict) for item in array)
    return len(array)


def _count_loki(body: bytes) -> int:
    entries = 0
    for stream in json.loads(body)["streams"]:
        assert stream["stream"]["service_name"]
        assert {"service_name", "env", "level"} >= stream["stream"].keys()
        assert all(isinstance(value, str) for value in stream["stream"].values())
        moments = [int(entry[0]) for entry in stream["values"]]
        assert sorted(moments) == moments
        for _, line, *metadata in stream["values"]:
            json.loads(line)
            assert all(isinstance(value, str) for kept in metadata for value in kept.values())
        entries += len(stream["values"])
    return entries


def _count_elasticsearch(body: bytes) -> int:
    assert body.endswith(b"\n")
    actions = [json.loads(line) for line in body.split(b"\n")[:-1]]
    assert all(action["create"]["_index"].startswith("logs-") for action in actions[::2])
    assert not [document for document in actions[1::2] if not isinstance(document.get("host", {}), dict)]
    assert 0 == len(actions) % 2
    return len(actions) // 2


def _count_splunk(body: bytes) -> int:
    text, place, events = body.decode(), 0, 0
    decoder = json.JSONDecoder()
    while place < len(text):
        event, place = decoder.raw_decode(text, place)
        assert isinstance(event["event"], dict)
        assert "_json" == event["sourcetype"]
        events += 1
    return events


def _check_any_value(value: dict[str, Any]) -> None:
    ((kind, inner),) = value.items()
    if kind == "arrayValue":
        for item in inner["values"]:
            _check_any_value(item)
    elif kind == "kvlistValue":
        _check_pairs(inner["values"])
    else:
        kinds: dict[str, type] = {
            "stringValue": str,
            "boolValue": bool,
            "intValue": str,
            "doubleValue": float,
        }
        assert isinstance(inner, kinds[kind])
        assert kind != "intValue" or -(2**63) <= int(str(inner)) < 2**63


def _check_pairs(pairs: list[dict[str, Any]]) -> None:
    assert len(pairs) == len({pair["key"] for pair in pairs})
    for pair in pairs:
        _check_any_value(pair["value"])


def _count_otlp(body: bytes) -> int:
    records = 0
    for resource in json.loads(body)["resourceLogs"]:
        _check_pairs(resource["resource"]["attributes"])
        for record in resource["scopeLogs"][0]["logRecords"]:
            records += 1
            _check_pairs(record["attributes"])
            if "body" in record:
                _check_any_value(record["body"])
            assert isinstance(record.get("timeUnixNano", ""), str)
    return records


_COUNTS: dict[str, Callable[[bytes], int]] = {
    "ndjson": lambda body: len([json.loads(line) for line in body.split(b"\n")[:-1]]),
    "json": _count_array,
    "datadog": _count_array,
    "loki": _count_loki,
    "elasticsearch": _count_elasticsearch,
    "splunk": _count_splunk,
    "otlp": _count_otlp,
}


@given(records=_RECORDS)
def test_whatever_the_encoder_writes_becomes_a_valid_body_with_every_record(
    records: list[dict[str, object]],
) -> None:
    lines = bytearray(b"".join(encode(dict(record)) for record in records))
    before = bytes(lines)

    for name, count in _COUNTS.items():
        assert len(records) == count(bytes(FORMATS[name](_URL).body(lines))), name

    assert before == bytes(lines)


@pytest.mark.parametrize("name", FORMATS)
def test_the_deepest_record_makes_a_body(name: str) -> None:
    lines = bytearray()
    for opener, closer in ((b"[", b"]"), (b'{"a":', b"}")):
        lines += b'{"message":"m","x":' + opener * 253 + b"1" + closer * 253 + b"}\n"

    assert 2 == _COUNTS[name](bytes(FORMATS[name](_URL).body(lines)))


@pytest.mark.parametrize(
    ("name", "limit_bytes"),
    [("datadog", 5_000_000), ("elasticsearch", 10 * 2**20), ("splunk", 1_000_000), ("otlp", 20 * 2**20)],
)
@pytest.mark.parametrize("filler", ['"",', "[],", "{},", "1,"])
def test_the_largest_batch_stays_below_the_limit(name: str, limit_bytes: int, filler: str) -> None:
    wire_format = FORMATS[name](_URL)
    one = wire_format.max_batch_bytes // wire_format.max_records
    head = (
        '{"timestamp":"2025-11-05T10:15:30.123456Z","level":"INFO","service":"'
        + "s" * 100
        + '","env":"prod","x":['
    )
    line = f"{head}{filler * ((one - len(head) - 3) // len(filler))}".rstrip(",") + "]}\n"
    share = 50  # of the records, for speed
    lines = bytearray(line.encode() * (wire_format.max_records // share))

    assert len(lines) * share <= wire_format.max_batch_bytes
    assert len(wire_format.body(lines)) * share < limit_bytes


_ITEMS = st.lists(
    st.recursive(
        st.none() | st.integers(-10, 700) | st.booleans() | st.text(max_size=3),
        lambda inner: st.dictionaries(
            st.sampled_from(["create", "status", "error", "type"]), inner, max_size=2
        ),
        max_leaves=4,
    )
    | st.builds(lambda status: {"create": {"status": status}}, st.integers(100, 599)),
    max_size=8,
)
_SAID = st.dictionaries(
    st.sampled_from(["errors", "items", "partialSuccess", "code", "invalid-event-number", "text"]),
    st.booleans()
    | st.integers(-3, 30)
    | st.text(max_size=4)
    | _ITEMS
    | st.dictionaries(
        st.sampled_from(["rejectedLogRecords", "errorMessage"]),
        st.integers() | st.text() | st.none(),
        max_size=2,
    ),
)
_BODIES = (
    st.binary(max_size=50)
    | _SAID.map(lambda said: json.dumps(said).encode())
    | st.builds(lambda items: json.dumps({"errors": True, "items": items}).encode(), _ITEMS)
    | st.from_regex(rb"\d{1,12} errors like: |total ignored: \d{1,12} out of ", fullmatch=True)
    | st.sampled_from([b"[" * 5000, b"9" * 5000, b'{"code":1e400}', b"\xff" * 100])
)
_ANSWERS = st.builds(
    lambda status, body: Answer(status, body=body), st.integers(100, 599), _BODIES
) | st.builds(lambda failure: Answer(None, failure), st.sampled_from(Failure))


@pytest.mark.parametrize("name", FORMATS)
@given(answer=_ANSWERS, records=st.integers(1, 8))
def test_each_record_has_one_fate_whatever_is_answered(name: str, answer: Answer, records: int) -> None:
    wire_format: Format = FORMATS[name](_URL)

    verdict = wire_format.read(answer, records)

    named = [rejection.index for rejection in verdict.rejected] + list(verdict.again)
    assert len(named) == len(set(named))
    assert set(named) <= set(range(records))
    assert list(verdict.again) == sorted(verdict.again)
    assert 0 <= verdict.unnamed <= records - len(named)
    if verdict.action is not Action.DECIDED:
        assert (0, 0) == (len(named), verdict.unnamed)
    assert all("\n" not in text for text in (verdict.excerpt, *(gone.excerpt for gone in verdict.rejected)))
    if answer.status is None:
        assert verdict.action in {Action.RETRY, Action.PARK}
