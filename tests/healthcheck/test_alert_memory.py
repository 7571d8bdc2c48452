"""What one process leaves its heir of alerts, as bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.healthcheck import AlertMemory, Finding, HealthStatus, Reason

_NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
_FINDINGS = st.builds(Finding, st.none() | _NUMBERS, st.none() | _NUMBERS)
_RULES = st.sampled_from(Reason)
_MEMORIES = st.builds(
    AlertMemory,
    _NUMBERS,
    _NUMBERS,
    st.sampled_from(HealthStatus),
    st.dictionaries(_RULES, _FINDINGS),
    st.dictionaries(_RULES, _NUMBERS),
    st.lists(_NUMBERS, max_size=10).map(tuple),
)


@given(_MEMORIES)
def test_what_is_written_is_read(memory: AlertMemory) -> None:
    assert memory == AlertMemory.decode(memory.encode())
    assert b"\n" not in memory.encode()


def test_the_bytes_are_these() -> None:
    memory = AlertMemory(
        2.5,
        1.0,
        HealthStatus.DEGRADED,
        {Reason.QUEUE_SIZE: Finding(11, 10)},
        {Reason.QUEUE_SIZE: 2.0},
        (2.0,),
    )

    assert (
        b'{"format":1,"written_s":2.5,"since_s":1.0,"status":"degraded","firing":{"queue_size":[11,10]},'
        b'"fired_at_s":{"queue_size":2.0},"hour_s":[2.0]}'
    ) == memory.encode()


def test_reasons_of_a_newer_release_are_left_out() -> None:
    data = AlertMemory(2.5, 1.0, firing={Reason.QUEUE_SIZE: Finding(11, 10)}).encode()

    assert AlertMemory(2.5, 1.0) == AlertMemory.decode(data.replace(b"queue_size", b"bad_weather"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b'{"format":2}',
        b'{"format":1}',
        AlertMemory(2.5, 1.0).encode().replace(b"2.5", b'"2.5"'),
        AlertMemory(2.5, 1.0).encode().replace(b"2.5", b"true"),
        AlertMemory(2.5, 1.0).encode().replace(b"healthy", b"happy"),
        AlertMemory(2.5, 1.0).encode().replace(b"[]", b"7"),
        AlertMemory(2.5, 1.0).encode().replace(b'"firing":{}', b'"firing":[]'),
        AlertMemory(2.5, 1.0).encode().replace(b'"firing":{}', b'"firing":{"queue_size":[1]}'),
        AlertMemory(2.5, 1.0).encode().replace(b'"firing":{}', b'"firing":{"queue_size":null}'),
    ],
)
def test_what_is_no_memory_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        AlertMemory.decode(data)
