"""A conversion on the shipper's thread must not undo the limit of memory."""

import tracemalloc

import pytest

from queue_telemetry.logs.formats import FORMATS

_URL = "https://c.test"


@pytest.mark.parametrize("name", FORMATS)
def test_a_batch_is_converted_in_little_more_memory_than_its_body(name: str) -> None:
    lines = bytearray(
        b"".join(b'{"service":"a","message":"%04d%s"}\n' % (n, b"x" * 960) for n in range(1000))
    )
    convert = FORMATS[name](_URL).body
    convert(lines)
    tracemalloc.start()
    try:
        body = convert(lines)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak_bytes < 5 * len(body)
