"""Names to addresses, by the system's own look-up."""

import socket

import pytest

from queue_telemetry._runtime import look_up


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", (socket.AF_INET, ("127.0.0.1", 9))), ("::1", (socket.AF_INET6, ("::1", 9, 0, 0)))],
)
def test_what_is_spelled_out_needs_nobody(host: str, address: object) -> None:
    assert [address] == look_up(host, 9, socket.SOCK_DGRAM, numeric=True)


def test_a_name_is_not_spelled_out() -> None:
    with pytest.raises(OSError, match=r"\w"):
        look_up("localhost", 9, socket.SOCK_DGRAM, numeric=True)


def test_a_name_has_the_systems_addresses_of_one_family() -> None:
    found = look_up("localhost", 9, socket.SOCK_STREAM, family=socket.AF_INET)

    assert (socket.AF_INET, ("127.0.0.1", 9)) in found
    assert {socket.AF_INET} == {family for family, _ in found}
