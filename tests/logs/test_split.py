"""Splitting at the ends of lines: nothing is lost, nothing moves, sizes are kept to."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.logs._bisection import Bisection
from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._split import (
    cut_after,
    halves_by_bytes,
    halves_by_records,
    joined,
    lines_of,
    pick,
    split_at,
)

_LINES = st.lists(st.binary(max_size=20).map(lambda text: text.replace(b"\n", b"") + b"\n"), min_size=2)


def _chunk(lines: list[bytes]) -> Chunk:
    data = bytearray().join(lines)
    severe, end = array("I"), 0
    for index, line in enumerate(lines):
        if index % 3 == 0:
            severe.append(end)
        end += len(line)
    return Chunk(5, data, size_bytes=len(data), records=len(lines), severe=severe)


def _severe(chunk: Chunk) -> list[bytes]:
    return [bytes(chunk.data[start:]).partition(b"\n")[0] + b"\n" for start in chunk.severe]


@given(_LINES)
def test_halves_together_are_the_whole(lines: list[bytes]) -> None:
    for halve in (halves_by_bytes, halves_by_records):
        chunk = _chunk(lines)

        first, second = halve(chunk)

        assert lines == lines_of(first.data) + lines_of(second.data)
        assert (len(lines), chunk.size_bytes) == (
            first.records + second.records,
            first.size_bytes + second.size_bytes,
        )
        assert first.records > 0 < second.records
        assert _severe(chunk) == _severe(first) + _severe(second)
        assert 5 == first.number == second.number


@given(_LINES)
def test_halves_by_records_differ_by_one_record_at_most(lines: list[bytes]) -> None:
    first, second = halves_by_records(_chunk(lines))

    assert 0 <= second.records - first.records <= 1


@pytest.mark.parametrize(
    ("max_bytes", "cut"), [(0, 3), (2, 3), (3, 3), (5, 3), (6, 6), (8, 6), (9, 9), (99, 9)]
)
def test_a_cut_is_behind_the_last_line_that_fits_and_never_before_the_first(max_bytes: int, cut: int) -> None:
    assert cut == cut_after(bytearray(b"12\n34\n56\n"), max_bytes)


def test_what_is_behind_a_cut_keeps_its_order_and_severity() -> None:
    _, behind = split_at(_chunk([b"0\n", b"1\n", b"2\n", b"3\n"]), 4)

    assert (bytearray(b"2\n3\n"), [b"3\n"], 2) == (behind.data, _severe(behind), behind.records)


def test_records_are_picked_by_place() -> None:
    lines = [b"0\n", b"1\n", b"2\n"]

    part = pick(_chunk(lines), lines, [0, 2])

    assert (bytearray(b"0\n2\n"), 2, 4) == (part.data, part.records, part.size_bytes)


def test_parts_of_a_refused_batch_are_not_joined_again() -> None:
    whole = _chunk([b"1\n", b"2\n"])
    first, second = halves_by_records(whole)
    assert joined(first, second, 100, 100) is not None

    Bisection().suspect(whole, (first, second))

    assert joined(first, second, 100, 100) is None
