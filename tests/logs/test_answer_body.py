"""The body of an answer, decompressed up to a bound."""

import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.logs._answer_body import decoded


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"said", ""),
        (b"said", "identity"),
        (gzip.compress(b"said"), " GZIP "),
        (gzip.compress(b"said"), "x-gzip"),
        (zlib.compress(b"said"), "deflate"),
        (gzip.compress(b"said")[:-6], "gzip"),
    ],
    ids=["none", "identity", "gzip", "x-gzip", "deflate", "cut"],
)
def test_what_was_said_is_read(body: bytes, encoding: str) -> None:
    assert b"said" == decoded(body, encoding, 100)


@pytest.mark.parametrize(
    ("body", "encoding"), [(b"said", "br"), (b"said", "gzip"), (b"", "gzip"), (b"said", "gzip, gzip")]
)
def test_what_cannot_be_decoded_says_nothing(body: bytes, encoding: str) -> None:
    assert b"" == decoded(body, encoding, 100)


def test_a_bomb_stays_packed() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc.start()
    try:
        assert bytes(1000) == decoded(bomb, "gzip", 1000)
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


@given(st.binary(), st.sampled_from(["", "gzip", "deflate", "br", "\x00"]), st.integers(1, 100))
def test_nothing_raises_or_is_longer_than_asked(body: bytes, encoding: str, max_bytes: int) -> None:
    assert len(decoded(body, encoding, max_bytes)) <= max_bytes
