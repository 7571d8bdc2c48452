import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.export._yaml import Value, as_yaml

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.from_regex(
    r"[a-z \n/.-]{,20}", fullmatch=True
)
KEYS = TEXTS
SCALARS = st.one_of(TEXTS, st.booleans(), st.integers(-(10**9), 10**9))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_what_is_written_is_read_again(value: dict[str, Value]) -> None:
    assert value == (yaml.safe_load(as_yaml(value)) or {})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"for": "5m"}, 'for: "5m"\n'),
        ({"a": "word"}, "a: word\n"),
        ({"a": "no"}, 'a: "no"\n'),
        ({"a": 'say "ä"'}, 'a: "say \\"\\U000000e4\\""\n'),
        ({"a": "{{ $x }}"}, 'a: "{{ $x }}"\n'),
        ({"expr": "a\n  / b"}, "expr: |-\n  a\n    / b\n"),
        ({"buckets": [0.005, 1.0, 3600.0]}, "buckets: [0.005, 1, 3600]\n"),
        ({"rules": [{"a": 1, "b": {"c": True}}]}, "rules:\n  - a: 1\n    b:\n      c: true\n"),
        ({"empty": {}, "none": []}, "empty: {}\nnone: []\n"),
    ],
)
def test_form(value: dict[str, Value], text: str) -> None:
    assert text == as_yaml(value)
