"""A line that is not just added: refused, passed on, or let in where others go."""

from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry._runtime import DropReason
from queue_telemetry.logs._accounts import Accounts, Capacity
from queue_telemetry.logs._admission import Admission

Make = Callable[..., Any]


@pytest.fixture
def accounts(manual_clock: Any, make_spool: Make) -> Accounts:
    return Accounts(Capacity(10, 5, 3), manual_clock.clock, make_spool())


@pytest.mark.parametrize("writes_ahead", [True, False])
def test_who_refuses_counts_as_closed(accounts: Accounts, writes_ahead: bool) -> None:
    admission = Admission(accounts)
    admission.writes_ahead = writes_ahead
    admission.refuses = True

    assert not admission.admit(b"1\n", severe=True)

    assert ({DropReason.CLOSED: 1}, 0) == (accounts.held.dropped, admission.not_written)


def test_who_refuses_passes_on_once_the_lock_is_free(accounts: Accounts) -> None:
    admission = Admission(accounts)
    admission.refuses = True
    passed: list[tuple[bytes, bool, bool]] = []
    admission.pass_on = lambda line, severe: passed.append((line, severe, accounts.lock.is_mine))

    admitted = accounts.lock.run(1, lambda: admission.admit(b"1\n", severe=True), otherwise=True)

    assert (False, [(b"1\n", True, False)], {}) == (admitted, passed, accounts.held.dropped)


def test_a_line_that_was_not_written_ahead_is_taken_and_counted(accounts: Accounts) -> None:
    admission = Admission(accounts)
    admission.writes_ahead = True

    assert (True, 1) == (admission.admit(b"1\n", severe=False), admission.not_written)


def test_what_memory_never_holds_is_dropped(accounts: Accounts) -> None:
    assert not Admission(accounts).admit(b"x" * 10 + b"\n", severe=True)

    assert {DropReason.OVERFLOW: 1} == accounts.held.dropped
