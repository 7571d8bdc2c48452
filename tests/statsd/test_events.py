import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.statsd._events import event_line, service_check_line

_EVENT = re.compile(rb"_e\{(\d+),(\d+)\}:")


@pytest.mark.parametrize(
    ("title", "text", "fields", "line"),
    [
        ("title", "text", {}, "_e{5,4}:title|text"),
        ("title", "", {}, "_e{5,0}:title|"),
        ("tïtle", "li\nne", {}, "_e{6,6}:tïtle|li\\nne"),
        ("a\r\nb", "c\rd", {}, "_e{4,4}:a\\nb|c\\nd"),
        ("a|b", "c|t:error", {}, "_e{3,9}:a|b|c|t:error"),
        ("\ud800", "x", {}, "_e{1,1}:?|x"),
        (
            "tïtle",
            "li\nne",
            {
                "date_s": 1_700_000_000.9,
                "hostname": "web1",
                "aggregation_key": "aggkey",
                "priority": "low",
                "source_type": "s",
                "alert_type": "error",
                "suffix": "|#a:b|c:ci-1",
            },
            "_e{6,6}:tïtle|li\\nne|d:1700000000|h:web1|k:aggkey|p:low|s:s|t:error|#a:b|c:ci-1",
        ),
        ("t", "x", {"hostname": "a|t:error\n", "aggregation_key": ""}, "_e{1,1}:t|x|h:a_t:error_"),
    ],
)
def test_event(title: str, text: str, fields: dict[str, Any], line: str) -> None:
    assert event_line(title, text, **fields) == line


@pytest.mark.parametrize(
    ("name", "status", "fields", "line"),
    [
        ("redis.can_connect", 0, {}, "_sc|redis.can_connect|0"),
        (
            "redis.can_connect",
            2,
            {
                "date_s": 1_700_000_000,
                "hostname": "web1",
                "suffix": "|#env:dev",
                "message": "timed out\nline2",
            },
            "_sc|redis.can_connect|2|d:1700000000|h:web1|#env:dev|m:timed out\\nline2",
        ),
        ("db", 3, {"message": "m:a|h:evil"}, "_sc|db|3|m:m\\:a_h:evil"),
        ("db", 1, {"message": ""}, "_sc|db|1"),
    ],
)
def test_service_check(name: str, status: int, fields: dict[str, Any], line: str) -> None:
    assert service_check_line(name, status, **fields) == line


@pytest.mark.parametrize(
    ("title", "fields"),
    [
        ("", {}),
        ("t", {"priority": "high"}),
        ("t", {"alert_type": "bad"}),
        ("t", {"date_s": 0}),
        ("t", {"date_s": 1e20}),
    ],
)
def test_silly_event_is_refused(title: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        event_line(title, "text", **fields)


@given(st.text(), st.text(), st.text(), st.text())
def test_no_text_ends_an_event_or_its_parts(title: str, text: str, host: str, key: str) -> None:
    """Source of the reading: datadog-agent parse_events.go, which takes the two texts by their lengths."""
    if not title:
        return
    line = event_line(title, text, hostname=host, aggregation_key=key, suffix="|#a:b").encode()
    header = _EVENT.match(line)
    assert header
    assert b"\n" not in line
    lengths = int(header[1]), int(header[2])
    rest = line[header.end() :]
    assert rest[lengths[0] : lengths[0] + 1] == b"|"
    fields = rest[lengths[0] + 1 + lengths[1] :].split(b"|")
    assert fields[0] == b""
    assert [field[:1] for field in fields[1:]] == [b"h"] * bool(host) + [b"k"] * bool(key) + [b"#"]
