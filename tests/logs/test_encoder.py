"""Any record becomes one valid line of JSON, of bounded size."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from datetime import time as time_of_day
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.logs._encoder import MAX_RECORD_BYTES, encode


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no")


class Fickle(Mapping[str, object]):
    """Breaks when it is looked at."""

    def __getitem__(self, key: str) -> object:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no")

    def __len__(self) -> int:
        return 1


class Colour(Enum):
    RED = "red"


class Shade(StrEnum):
    DARK = "dark"


class Level(IntEnum):
    LOW = 1


class Meters(float):
    """As numpy's numbers are."""

    __slots__ = ()


@dataclass
class Point:
    x: int
    y: object


def _decoded(record: dict[str, object]) -> dict[str, Any]:
    line = encode(record)
    assert line.endswith(b"\n")
    assert 1 == line.count(b"\n")
    assert len(line) <= MAX_RECORD_BYTES
    decoded: dict[str, Any] = json.loads(line, object_pairs_hook=_without_repetition)
    return decoded


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(pairs) == len(dict(pairs)), "a strict collector refuses a key that comes twice"
    return dict(pairs)


def test_a_plain_record_is_written_in_its_order() -> None:
    assert b'{"b":1,"a":"x\xc3\xa4\\n","c":[1.5,true,null]}\n' == encode(
        {"b": 1, "a": "xä\n", "c": [1.5, True, None]}
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime(2025, 1, 2, 3, 4, 5, 6, UTC), "2025-01-02T03:04:05.000006Z"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Path("/a"), "/a"),
        (Decimal("1.10"), "1.10"),
        (b"x", "b'x'"),
        (Colour.RED, "red"),
        (Point(1, 2), {"x": 1, "y": 2}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (float("nan"), None),
        (Unprintable(), "<unprintable Unprintable>"),
        ({1: 2}, {"1": 2}),
        ({1: "a", "1": "b"}, {"1": "a", "1_1": "b"}),
        ({"1": "b", 1: "a", "1_1": "c"}, {"1": "b", "1_1": "a", "1_1_2": "c"}),
        (dict.fromkeys(["\ud800", "\udfff"], 1), {"?": 1, "?_1": 1}),
        (Shade.DARK, "dark"),
        (Level.LOW, 1),
        (Meters(1.5), 1.5),
        (time_of_day(1, 2, tzinfo=UTC), "01:02:00Z"),
        ({(1, 2): 3}, {"(1, 2)": 3}),
        (2**64, "18446744073709551616"),
        (-(2**63) - 1, "-9223372036854775809"),
        (2**63, 2**63),
        ("\ud800x", "?x"),
        ({"\ud800": 1}, {"?": 1}),
        ([Unprintable(), "\ud800"], ["<unprintable Unprintable>", "?"]),
        ({"a": Point(1, "\ud800")}, {"a": {"x": 1, "y": "?"}}),
        ([Colour.RED, Decimal(1), 2**70, float("inf")], ["red", "1", "1180591620717411303424", None]),
        ([datetime(2025, 1, 2, tzinfo=UTC), "\ud800"], ["2025-01-02T00:00:00Z", "?"]),
    ],
)
def test_values_that_json_does_not_know(value: object, written: object) -> None:
    assert {"v": written} == _decoded({"v": value})


def test_a_cycle_is_cut() -> None:
    knot: dict[str, object] = {"a": 1}
    knot["self"] = knot

    assert {"v": {"a": 1, "self": "[cycle]"}} == _decoded({"v": knot})


def test_what_is_too_deep_is_cut() -> None:
    deep: list[object] = []
    for _ in range(2_000):
        deep = [deep]

    assert "[too deep]" in json.dumps(_decoded({"v": deep}))


def test_a_container_that_breaks_is_named() -> None:
    assert {"v": "<unreadable Fickle>", "w": 1} == _decoded({"v": Fickle(), "w": 1})


def test_an_integer_with_more_digits_than_python_writes() -> None:
    assert _decoded({"v": 10**6000})["v"].startswith("0x")


def test_long_strings_are_cut_in_the_middle_and_it_says_so() -> None:
    decoded = _decoded({"message": "a" * 200_000 + "b" * 200_000, "task_id": "1"})

    assert decoded["message"].startswith("aaaa")
    assert decoded["message"].endswith("bbbb")
    assert "characters cut" in decoded["message"]
    assert ("1", True, 400_029) == (decoded["task_id"], decoded["truncated"], decoded["original_bytes"])


def test_a_long_error_keeps_its_shape() -> None:
    decoded = _decoded({"error": {"type": "E", "stack": "s" * 30_000}, "blob": "x" * 300_000})

    assert ({"type", "stack"}, "E") == (set(decoded["error"]), decoded["error"]["type"])


def test_a_large_list_becomes_the_beginning_and_end_of_its_text() -> None:
    decoded = _decoded({"rows": list(range(100_000)), "small": [1, 2]})

    assert decoded["rows"].startswith("[0,1,2,")
    assert [1, 2] == decoded["small"]


def test_with_thousands_of_keys_the_essential_ones_stay() -> None:
    decoded = _decoded({"message": "m", "task_id": "7", **{f"k{n}": "v" * 100 for n in range(5_000)}})

    assert ("m", "7", True) == (decoded["message"], decoded["task_id"], decoded["truncated"])


def test_the_limit_is_of_bytes_not_characters() -> None:
    _decoded({"message": "\x00" * 200_000, "a": "€" * 200_000})


@pytest.mark.parametrize("size", [255_000, 262_143, 262_144, 300_000, 10_000_000])
@pytest.mark.parametrize("part", ["a", "\x00", "\ud800", "€", '"'])
def test_a_text_of_any_size_fits(part: str, size: int) -> None:
    decoded = _decoded({"message": part * (size // len(part)), "task_id": "1"})

    assert "1" == decoded["task_id"]


def test_a_long_key_costs_itself_only() -> None:
    decoded = _decoded({"message": "m", "k" * 300_000: 1})

    assert ("m", True) == (decoded["message"], decoded["truncated"])


def test_ten_million_bytes_fit() -> None:
    assert _decoded({"v": b"x" * 10_000_000})["v"].startswith("b'xxx")


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters()),
    st.text(st.characters(categories=["Cs"]), max_size=3),
    st.binary(max_size=5),
    st.datetimes(),
    st.decimals(),
    st.uuids(),
    st.complex_numbers(),
    st.just(Colour.RED),
    st.builds(Unprintable),
    st.builds(Fickle),
    st.builds(object),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(
            st.one_of(st.text(st.characters()), st.integers(), st.tuples(st.integers())), inner, max_size=4
        ),
        st.builds(Point, st.integers(), inner),
        st.sets(st.integers(), max_size=3),
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters()), _VALUES, max_size=6))
def test_any_tree_becomes_one_valid_line(record: dict[str, object]) -> None:
    _decoded(record)
