"""A copy of plain JSON, whatever the values are and do."""

import threading
from collections import UserDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from queue_telemetry.logs._sanitizer import Shortened, sanitize


@dataclass
class Point:
    x: int
    y: object


class Broken:
    """A field that cannot be read beside one that can."""

    __dataclass_fields__ = ("good", "bad")
    good = 1

    @property
    def bad(self) -> object:
        raise RuntimeError("no")


class Model(BaseModel):
    x: int
    y: Any


class Liar:
    """Says it is of another class."""

    def __init__(self, kind: type) -> None:
        self.kind = kind

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return self.kind

    def __str__(self) -> str:
        return "a liar"


class SlyKey(str):
    __slots__ = ()

    def isascii(self) -> bool:
        raise RuntimeError("no")


class Lazy(Enum):
    ONE = (item for item in "abc")


def _numbers() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    "kind", [int, float, str, bytes, dict, list, tuple, set, date, Enum, SimpleNamespace]
)
def test_a_class_that_lies_costs_its_own_value_only(kind: type) -> None:
    copy = sanitize({"a": Liar(kind), "b": 2})

    assert 2 == copy["b"]
    assert copy["a"] in ("a liar", "<unreadable Liar>", {"kind": str(kind)})


@pytest.mark.parametrize("kind", [int, float, str, dict, list, date, Enum])
def test_a_mock_of_any_class_can_be_written(kind: type) -> None:
    orjson.dumps(sanitize({"a": MagicMock(spec=kind), "b": 2}))


def test_a_field_that_cannot_be_read_costs_no_other() -> None:
    assert {"a": {"good": 1, "bad": "<unreadable bad>"}} == sanitize({"a": Broken()})


def test_models_and_dataclasses_become_dicts() -> None:
    assert {"a": {"x": 1, "y": {"x": 2, "y": None}}} == sanitize({"a": Model(x=1, y=Point(2, None))})


def test_a_generator_is_not_consumed() -> None:
    numbers = _numbers()
    copy = sanitize({"a": numbers, "b": map(str, [1]), "c": Lazy.ONE})

    assert [1] == list(numbers)
    assert str(copy["a"]).startswith("<generator object _numbers")


def test_keys_with_the_same_text_stay_apart() -> None:
    copy = sanitize({"a": {1: "a", SlyKey("1"): "b", b"1": "c", ("1",): "d"}})

    assert {"a": {"1": "a", "1_1": "b", "1_2": "c", "('1',)": "d"}} == copy
    assert all(type(key) is str for key in copy["a"])  # type: ignore[attr-defined]  # a dict


def test_a_key_that_cannot_be_written_is_named() -> None:
    class Key:
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert {"<unprintable Key>": 1, "<unprintable Key>_1": 2} == sanitize({"a": {Key(): 1, Key(): 2}})["a"]


@pytest.mark.parametrize("many", [range(1_000_000), [0] * 1_000_000], ids=["range", "list"])
def test_of_very_many_items_the_first_are_copied(many: Any) -> None:
    copy = sanitize({"a": list(many), "b": dict.fromkeys(many, 1), "c": deque(many), "d": 1})

    assert (50_001, "[950000 more]") == (len(copy["a"]), copy["a"][-1])  # type: ignore[arg-type, index]  # a list
    assert 1 == copy["d"]


def test_of_a_very_large_mapping_the_first_are_copied() -> None:
    copy = sanitize({"a": dict.fromkeys(range(60_000), 1)})

    assert "[10000 more]" == copy["a"]["…"]  # type: ignore[index]  # a dict


def test_a_mapping_that_another_thread_changes_can_be_copied() -> None:
    shared: dict[str, int] = {}
    slow = UserDict[str, int]()
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            for each in (shared, slow):
                each[f"k{number % 97}"] = number
                each.pop(f"k{number * 7 % 97}", None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        copies = [sanitize({"a": shared, "b": slow, "c": 1}) for _ in range(300)]
    finally:
        stop.set()
        thread.join(5)

    assert all(isinstance(copy["a"], dict) and copy["c"] == 1 for copy in copies)


def test_texts_and_keys_are_scrubbed_at_any_depth() -> None:
    tree = {"a": {"S=": ["S:", ("=S",), {"S:": 1}, Point(1, ":S"), "S"]}}

    copy = sanitize(tree, None, lambda text: text.replace("S", "*"))

    assert {"a": {"*=": ["*:", ["=*"], {"*:": 1}, {"x": 1, "y": ":*"}, "*"]}} == copy


_KINDS = st.sampled_from([int, float, str, bytes, dict, list, set, date, Enum])
_ODD = st.one_of(
    st.builds(Liar, _KINDS), st.builds(Broken), st.builds(MagicMock), st.builds(object), st.integers()
)
_KEYS = st.one_of(
    st.text(st.characters()), st.integers(), st.tuples(st.integers()), st.builds(SlyKey, st.text())
)
_TREES = st.recursive(
    _ODD,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(_KEYS, inner, max_size=4),
        st.builds(Point, st.integers(), inner),
        st.builds(lambda value: SimpleNamespace(value=value), inner),
        st.builds(UserDict, st.dictionaries(_KEYS, inner, max_size=3)),
    ),
    max_leaves=15,
)


@given(st.dictionaries(st.text(st.characters()), _TREES, max_size=4))
def test_any_tree_becomes_plain_json(tree: dict[str, object]) -> None:
    orjson.dumps(sanitize(tree))


def test_the_same_long_text_many_times_costs_no_more_than_a_line_can_hold() -> None:
    scrubbed: list[int] = []

    def count(text: str) -> str:
        scrubbed.append(len(text))
        return text

    copy = sanitize({"rows": ["words " * 100_000] * 400}, scrub=count)

    assert sum(scrubbed) < 1024 * 1024
    assert len(str(copy)) < 1024 * 1024
    assert "characters cut]" in str(copy)


@pytest.mark.parametrize(
    "value",
    [["word " * 200] * 5_000, b"\x00" * 10_000_000, 1 << 40_000_000, [{"key " * 300: 1}] * 5_000],
    ids=["many texts", "bytes", "a number", "keys"],
)
def test_whatever_is_long_is_cut(value: object) -> None:
    copy = sanitize({"value": value})

    assert len(str(copy)) < 2 * 1024 * 1024
    assert "characters cut]" in str(copy)


def test_a_copy_tells_how_much_text_is_missing() -> None:
    text = "word " * 100_000
    copy = sanitize({"text": text, "short": "kept"})

    assert isinstance(copy, Shortened)
    assert "kept" == copy["short"]
    assert (
        len(text)
        == len(str(copy["text"]).partition("…")[0])
        + copy.characters_cut
        + len(str(copy["text"]).partition("…")[2])
        + 1
    )


def test_a_copy_that_lacks_nothing_is_a_plain_dict() -> None:
    assert dict is type(sanitize({"text": "word " * 1_000}))
