import dataclasses
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.processes.state import State, group_of

_STATE = State(
    token="0123456789abcdef",
    sequence=7,
    pid=71,
    start_ticks=4242,
    boot_id="b00t",
    service="billing",
    published_s=12.5,
    ended=False,
    facts={"in_flight": 2},
    body=b'{"body":1}\n',
)
_FILE = (
    b'{"format":1,"token":"0123456789abcdef","sequence":7,"pid":71,"start_ticks":4242,"boot_id":"b00t",'
    b'"service":"billing","published_s":12.5,"ended":false,"facts":{"in_flight":2}}\n{"body":1}\n'
)
_states = st.builds(
    State,
    token=st.text("0123456789abcdef", min_size=16, max_size=16),
    sequence=st.integers(0, 2**63 - 1),
    pid=st.integers(0, 2**31),
    start_ticks=st.integers(0, 2**40),
    boot_id=st.text(string.hexdigits),
    service=st.none() | st.text(),
    published_s=st.floats(0, 1e12),
    ended=st.booleans(),
    facts=st.dictionaries(st.text(), st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text()),
    body=st.binary(),
)


def test_the_bytes() -> None:
    assert _FILE == _STATE.encode()
    assert _STATE == State.decode(_FILE)


@given(_states)
def test_what_is_written_is_what_is_read(state: State) -> None:
    assert state == State.decode(state.encode())


@given(st.binary())
def test_bytes_that_are_no_state_are_refused_in_one_way(data: bytes) -> None:
    with pytest.raises(ValueError):
        State.decode(data)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"format":1', b'"format":2'),
        (b'"token":"0123456789abcdef"', b'"token":"../../etc/passwd"'),
        (b'"token":"0123456789abcdef"', b'"token":7'),
        (b'"sequence":7', b'"sequence":-7'),
        (b'"sequence":7', b'"sequence":7.5'),
        (b'"sequence":7', b'"sequence":true'),
        (b'"sequence":7', b'"sequence":99999999999999999999'),
        (b'"pid":71', b'"pid":"71"'),
        (b'"boot_id":"b00t"', b'"boot_id":null'),
        (b'"service":"billing"', b'"service":[]'),
        (b'"published_s":12.5', b'"published_s":"12.5"'),
        (b'"published_s":12.5', b'"published_s":true'),
        (b'"published_s":12.5', b'"published_s":-0.5'),
        (b'"published_s":12.5', b'"published_s":1e300'),
        (b'"ended":false', b'"ended":0'),
        (b'"facts":{"in_flight":2}', b'"facts":[]'),
        (b'{"format"', b'[{"format"'),
    ],
)
def test_a_header_of_other_types_is_refused(before: bytes, after: bytes) -> None:
    assert before in _FILE

    with pytest.raises(ValueError):
        State.decode(_FILE.replace(before, after, 1))


def test_facts_that_are_no_json_are_a_mistake_of_the_caller() -> None:
    facts: Any = {"x": object()}

    with pytest.raises(TypeError):
        dataclasses.replace(_STATE, facts=facts).encode()


def test_a_group_is_fit_for_a_file_and_by_service() -> None:
    groups = {group_of(None), group_of(""), group_of("-"), group_of("billing"), group_of("../x\0\ud800")}

    assert 5 == len(groups)
    assert all(len(group) == 8 and set(group) <= set("0123456789abcdef") for group in groups)
    assert group_of("billing") == group_of("billing")
