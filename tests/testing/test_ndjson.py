"""A body is records, or it is refused with the line and the reason."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.testing._ndjson import BodyRefusedError, read_body

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), JSON, max_size=4), min_size=1, max_size=4), st.booleans())
def test_what_was_encoded_is_read(records: list[dict[str, object]], compressed: bool) -> None:
    body = b"".join(json.dumps(record).encode() + b"\n" for record in records)

    if compressed:
        assert records == read_body(gzip.compress(body), "gzip")
    else:
        assert records == read_body(body)


def test_the_last_newline_may_be_missing() -> None:
    assert [{"a": 1}, {"a": 2}] == read_body(b'{"a":1}\n{"a":2}')


@pytest.mark.parametrize(
    ("body", "line", "reason"),
    [
        (b"", b"", "an empty line"),
        (b'{"a":1}\n\n{"a":2}\n', b"", "an empty line"),
        (b'{"a":1}\n[]\n', b"[]", "not an object: list"),
        (b"null\n", b"null", "not an object: NoneType"),
        (b'{"a":NaN}\n', b'{"a":NaN}', "not JSON: the number NaN is not JSON"),
        (b'{"a":-Infinity}\n', b'{"a":-Infinity}', "not JSON: the number -Infinity is not JSON"),
        (b'{"a":1,"a":2}\n', b'{"a":1,"a":2}', "not JSON: a key twice in one object"),
        (b'{"a":1}{"a":2}\n', b'{"a":1}{"a":2}', "not JSON: Extra data: line 1 column 8 (char 7)"),
        (b'{"a":"\xff"}\n', b'{"a":"\xff"}', "not Unicode: invalid start byte"),
        (b'{"a":"\\ud800"}\n', b'{"a":"\\ud800"}', "not Unicode: surrogates not allowed"),
    ],
)
def test_a_bad_line_is_named(body: bytes, line: bytes, reason: str) -> None:
    with pytest.raises(BodyRefusedError) as refusal:
        read_body(body)

    assert (line, reason) == (refusal.value.line, refusal.value.reason)


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        (b'{"a":1}', "gzip", "not gzip: Not a gzipped file"),
        (gzip.compress(b'{"a":1}')[:-9], "gzip", "not gzip: Compressed file ended"),
        (gzip.compress(b'{"a":1}')[:10] + b"\xff" * 20, "gzip", "not gzip: Error -3"),
        (b'{"a":1}', "br", "unknown content encoding 'br'"),
    ],
    ids=["plain", "cut", "garbled", "unknown"],
)
def test_a_body_that_cannot_be_decoded_is_refused(body: bytes, encoding: str, reason: str) -> None:
    with pytest.raises(BodyRefusedError) as refusal:
        read_body(body, encoding)

    assert refusal.value.reason.startswith(reason)


def test_a_body_nested_without_end_is_refused() -> None:
    with pytest.raises(BodyRefusedError, match="not JSON: maximum recursion depth"):
        read_body(b'{"a":' + b"[" * 100_000)
