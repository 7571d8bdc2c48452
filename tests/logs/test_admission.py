"""A line that is not just added: refused, written ahead, or let in where others go."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from queue_telemetry._runtime import DropReason
from queue_telemetry.logs._accounts import Accounts, Capacity
from queue_telemetry.logs._admission import Admission
from queue_telemetry.logs._storing import Storing

Make = Callable[..., Any]


@pytest.fixture
def accounts(manual_clock: Any, make_spool: Make) -> Accounts:
    return Accounts(Capacity(10, 5, 3), manual_clock.clock, make_spool())


def _admission(accounts: Accounts, *, writes_ahead: bool) -> Admission:
    return Admission(accounts, Storing(accounts, writes_ahead=writes_ahead), writes_ahead=writes_ahead)


@pytest.mark.parametrize("writes_ahead", [True, False])
def test_who_refuses_counts_as_closed_and_writes_nothing(accounts: Accounts, writes_ahead: bool) -> None:
    admission = _admission(accounts, writes_ahead=writes_ahead)
    admission.refuses = True

    assert admission.admit(b"1\n", severe=True) is None

    assert {DropReason.CLOSED: 1} == accounts.held.dropped
    assert accounts.spool is not None
    assert 0 == accounts.spool.used_bytes


def test_a_line_written_ahead_comes_with_its_place(accounts: Accounts) -> None:
    admitted = _admission(accounts, writes_ahead=True).admit(b"1\n", severe=False)

    assert admitted is not None
    line, place = admitted
    assert accounts.spool is not None
    assert place is not None
    assert place is accounts.spool.unclaimed
    assert (b"1\n", (bytearray(b"1\n"), 0)) == (line, accounts.spool.read(place))


def test_over_half_of_the_memory_a_line_written_ahead_is_not_kept_there(accounts: Accounts) -> None:
    admitted = _admission(accounts, writes_ahead=True).admit(b"12345\n", severe=False)

    assert admitted is not None
    assert (b"", 6) == (admitted[0], admitted[1].bytes if admitted[1] else None)


def test_what_a_full_disk_does_not_take_is_kept_in_memory_and_counted(
    accounts: Accounts, full_disk: Callable[..., AbstractContextManager[None]]
) -> None:
    admission = _admission(accounts, writes_ahead=True)

    with full_disk():
        admitted = admission.admit(b"1\n", severe=False)

    assert ((b"1\n", None), 1) == (admitted, admission.not_written)


def test_what_memory_never_holds_is_dropped(accounts: Accounts) -> None:
    assert _admission(accounts, writes_ahead=False).admit(b"x" * 10 + b"\n", severe=True) is None

    assert {DropReason.OVERFLOW: 1} == accounts.held.dropped
