"""HAProxy breaks connections as only a proxy can: nothing is lost, nothing comes twice, and nobody waits for long."""

import time
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]

Ship = Callable[..., Any]


@pytest.mark.parametrize("fault", ["reset", "tarpit"])
def test_requests_that_are_broken_are_repeated(haproxy: Any, ship: Ship, fault: str) -> None:
    shipped = ship(log_url=haproxy.url(fault))
    shipped.log(50)
    account = shipped.deliver()

    assert list(range(50)) == haproxy.numbers()
    assert (50, {}, 2) == (account["delivered"], account["dropped"], account["retries"])


def test_a_connection_that_falls_silent_is_given_up_and_the_batch_repeated(haproxy: Any, ship: Ship) -> None:
    shipped = ship(log_url=haproxy.url("silence"))
    shipped.log(50)
    account = shipped.deliver(30.0)

    assert list(range(50)) == haproxy.numbers()
    assert (50, {}, 1) == (account["delivered"], account["dropped"], account["retries"])


def test_close_does_not_wait_for_a_connection_that_fell_silent(haproxy: Any, ship: Ship) -> None:
    shipped = ship(log_url=haproxy.url("silence"))
    shipped.log(50)
    began_s = time.monotonic()

    assert not shipped.telemetry.close(1.0)

    assert time.monotonic() - began_s < 2.0
    assert {"shutdown": 50} == shipped.logs()["dropped"]


def test_a_date_to_come_back_at_is_kept(haproxy: Any, ship: Ship) -> None:
    shipped = ship(log_url=haproxy.url("date"))
    began_s = time.time()
    shipped.log(50)
    account = shipped.deliver()

    assert list(range(50)) == haproxy.numbers()
    assert 1 == account["retries"]
    assert time.time() - began_s >= 1.0, "two seconds from then, told in whole seconds"


def test_a_date_years_from_now_is_kept_until_the_end_and_the_records_are_accounted_for(
    haproxy: Any, ship: Ship
) -> None:
    shipped = ship(log_url=haproxy.url("never"))
    shipped.log(50)
    shipped.wait_for("retries")
    began_s = time.monotonic()

    assert not shipped.telemetry.flush(5.0)

    assert time.monotonic() - began_s < 2.0, "it would come too late, so nobody waits for it"
    assert (50, 1) == (shipped.logs()["pending"], shipped.logs()["retries"])
    shipped.telemetry.close(0.5)
    assert {"shutdown": 50} == shipped.logs()["dropped"]


def test_a_connection_that_is_closed_after_each_answer_costs_no_failure(haproxy: Any, ship: Ship) -> None:
    shipped = ship(log_url=haproxy.url("close"))
    for _ in range(10):
        shipped.log(1)
        shipped.deliver()

    assert [0] * 10 == haproxy.numbers()
    assert 0 == shipped.logs()["retries"]
