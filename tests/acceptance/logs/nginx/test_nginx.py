"""nginx in trouble: whatever it answers, every record is stored once or accounted for, and it is never pressed."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(60)]

Ship = Callable[..., Any]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_what_came_during_an_outage_is_stored_after_it_in_order(nginx: Any, ship: Ship, status: int) -> None:
    nginx.switch_on(status)
    shipped = ship(log_url=nginx.url("switch"), log_batch_bytes=4096)
    shipped.log(200)
    assert shipped.wait_for("retries", 2)["delivered"] == 0

    nginx.switch_off(status)
    account = shipped.deliver()

    assert list(range(200)) == nginx.numbers()
    assert (200, {}) == (account["delivered"], account["dropped"])
    assert {status, 200} == set(nginx.statuses())


def test_a_body_too_large_is_split_and_all_of_it_stored_once(nginx: Any, ship: Ship) -> None:
    shipped = ship(log_url=nginx.url("small"), log_linger_s=1)
    shipped.log(1_000)
    account = shipped.deliver()

    assert list(range(1_000)) == nginx.numbers()
    assert (1_000, {}) == (account["delivered"], account["dropped"])


def test_the_size_that_was_taken_is_remembered(nginx: Any, ship: Ship) -> None:
    """What is learned is a size before compression, which nginx looks at after it, so a few more may be refused."""
    shipped = ship(log_url=nginx.url("small"), log_linger_s=1)
    shipped.log(1_000)
    shipped.deliver()
    refused = nginx.statuses().count(413)

    shipped.log(1_000)
    shipped.deliver()

    again = nginx.statuses().count(413) - refused
    assert 3 <= refused < 20
    assert again < refused
    assert [*range(1_000)] * 2 == nginx.numbers()


def test_a_collector_that_asks_for_a_pause_gets_it(nginx: Any, ship: Ship, until: Callable[..., Any]) -> None:
    shipped = ship(log_url=nginx.url("limited"), log_batch_bytes=1024)
    shipped.log(30)
    account = shipped.deliver(40.0)

    assert list(range(30)) == nginx.numbers()
    assert (30, {}) == (account["delivered"], account["dropped"])
    requests = nginx.requests()
    pauses = [later.at_s - earlier.at_s for earlier, later in pairwise(requests) if earlier.status == 429]
    assert pauses
    assert min(pauses) >= 0.99


def test_a_key_that_is_put_right_loses_nothing(nginx: Any, ship: Ship) -> None:
    nginx.set_password("new")
    shipped = ship(log_url=nginx.url("key", user="user:old@"))
    shipped.log(100)
    shipped.wait_for("retries")
    assert 401 == shipped.logs()["last_status"]
    assert [] == nginx.stored()

    nginx.set_password("old")
    account = shipped.deliver()

    assert list(range(100)) == nginx.numbers()
    assert (100, {}) == (account["delivered"], account["dropped"])


def test_a_redirect_is_not_followed_and_keeps_the_records(nginx: Any, ship: Ship) -> None:
    nginx.switch_on(307)
    shipped = ship(log_url=nginx.url("switch"))
    shipped.log(10)
    shipped.wait_for("retries")

    assert 10 == shipped.logs()["pending"]
    assert [] == nginx.elsewhere()
    nginx.switch_off(307)
    assert 10 == shipped.deliver()["delivered"]


def test_a_connection_closed_without_an_answer_is_tried_again(nginx: Any, ship: Ship) -> None:
    nginx.switch_on(444)
    shipped = ship(log_url=nginx.url("switch"))
    shipped.log(10)
    shipped.wait_for("retries")

    nginx.switch_off(444)
    account = shipped.deliver()

    assert list(range(10)) == nginx.numbers()
    assert (10, {}) == (account["delivered"], account["dropped"])


def test_a_dead_upstream_loses_nothing_and_close_is_in_time(nginx: Any, ship: Ship) -> None:
    shipped = ship(log_url=nginx.url("down"))
    shipped.log(10)
    shipped.wait_for("retries")

    assert not shipped.telemetry.close(0.5)

    account = shipped.logs()
    assert (0, 0, {"shutdown": 10}) == (account["delivered"], account["pending"], account["dropped"])


def test_a_connection_that_is_cut_between_requests_costs_no_failure(nginx: Any, ship: Ship) -> None:
    shipped = ship(log_url=nginx.url("brief", port="brief"))
    for _ in range(10):
        shipped.log(1)
        shipped.deliver()

    assert [0] * 10 == nginx.numbers()
    assert 0 == shipped.logs()["retries"]
    assert len({request.connection for request in nginx.requests()}) >= 5


def test_a_private_authority_is_trusted_when_it_is_set(nginx: Any, ship: Ship, certificates: Path) -> None:
    shipped = ship(log_url=nginx.url("switch", port="tls"), log_tls_ca=str(certificates / "ca.pem"))
    shipped.log(10)

    assert 10 == shipped.deliver()["delivered"]
    assert list(range(10)) == nginx.numbers()


def test_an_authority_that_nobody_trusts_keeps_the_records(nginx: Any, ship: Ship) -> None:
    shipped = ship(log_url=nginx.url("switch", port="tls"))
    shipped.log(10)
    account = shipped.wait_for("retries")

    assert (10, "certificate not trusted") == (account["pending"], account["last_error"])
    assert [] == nginx.requests()


def test_a_client_certificate_is_shown(nginx: Any, ship: Ship, certificates: Path) -> None:
    shipped = ship(
        log_url=nginx.url("mutual", port="mutual"),
        log_tls_ca=str(certificates / "ca.pem"),
        log_tls_cert=str(certificates / "client.pem"),
        log_tls_key=str(certificates / "client.key"),
    )
    shipped.log(10)

    assert 10 == shipped.deliver()["delivered"]
    assert {"CN=client"} == {request.certificate for request in nginx.requests()}
