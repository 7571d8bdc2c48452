"""Answers of collectors in trouble: each record is stored or counted, and the collector is left alone when it asks for it."""

from collections.abc import Callable
from email.utils import formatdate
from itertools import pairwise
from typing import Any

import pytest

Step = Callable[..., Any]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 507, 511])
def test_a_collector_that_recovers_gets_everything_in_order(
    server: Any, reply: Any, step: Step, status: int
) -> None:
    server.script += [reply(status)] * 5
    shipping = step(batch_bytes=4096)
    shipping.append(range(500))

    account = shipping.run()

    assert list(range(500)) == server.numbers()
    assert (500, {}, 5) == (account["delivered"], account["dropped"], account["retries"])


@pytest.mark.parametrize("status", [301, 307, 401, 402, 403, 404, 405, 407, 415, 501, 505])
def test_what_somebody_has_to_put_right_is_waited_for_without_haste_and_without_loss(
    server: Any, reply: Any, step: Step, status: int
) -> None:
    right = False
    server.usual = lambda _: reply(200 if right else status)
    shipping = step()
    shipping.append(range(100))
    shipping.run(3_600)
    asked = len(server.requests)
    right = True

    account = shipping.run()

    assert 12 <= asked <= 65, "once a minute at most, once in five minutes at least"
    assert list(range(100)) == server.numbers()
    assert (100, {}) == (account["delivered"], account["dropped"])


def test_a_key_that_is_rotated_heals_by_the_next_probe(server: Any, reply: Any, step: Step) -> None:
    server.script.append(reply(401))
    shipping = step()
    shipping.append(range(100))

    account = shipping.run(120)

    assert list(range(100)) == server.numbers()
    assert (100, {}) == (account["delivered"], account["dropped"])


@pytest.mark.parametrize(
    ("asked", "least_s", "most_s"),
    [
        ("30", 30, 33.1),
        ("0", 0, 0.6),
        (formatdate(1_700_000_000 + 90, usegmt=True), 89, 99.1),
        (formatdate(1_600_000_000, usegmt=True), 0, 0.6),
        ("Wed, 21 Oct 2099 07:28:00 GMT", 900, 990),
        ("1000000000", 900, 990),
        ("9" * 400, 900, 990),
        ("soon", 0, 0.6),
        ("-5", 0, 0.6),
        ("1.5", 0, 1.7),
        ("", 0, 0.6),
    ],
)
def test_the_pause_that_a_collector_asks_for_is_a_floor_with_a_cap(
    server: Any, reply: Any, step: Step, asked: str, least_s: float, most_s: float
) -> None:
    server.script.append(reply(429, headers={"Retry-After": asked}))
    shipping = step()
    shipping.append(range(10))

    account = shipping.run()

    first_s, second_s, *_ = shipping.at_s
    assert least_s <= second_s - first_s <= most_s
    assert (10, {}) == (account["delivered"], account["dropped"])


def test_the_pause_that_datadog_asks_for_in_its_own_header_is_kept(
    server: Any, reply: Any, step: Step
) -> None:
    server.script.append(reply(429, headers={"X-RateLimit-Reset": "30"}))
    server.usual = lambda _: reply(202, stored=[])
    shipping = step(wire_format="datadog")
    shipping.append(range(10))

    account = shipping.run()

    first_s, second_s, *_ = shipping.at_s
    assert 30 <= second_s - first_s <= 33.1
    assert (10, {}) == (account["delivered"], account["dropped"])


def test_a_storm_of_429_ends_with_everything_stored_and_never_a_request_too_early(
    server: Any, reply: Any, step: Step
) -> None:
    server.script += [reply(429, headers={"Retry-After": "20"})] * 30
    shipping = step(batch_bytes=4096)
    shipping.append(range(200))

    account = shipping.run()

    assert list(range(200)) == server.numbers()
    assert (200, {}) == (account["delivered"], account["dropped"])
    moments = shipping.at_s[:31]
    assert all(later - earlier >= 20 for earlier, later in pairwise(moments))


@pytest.mark.parametrize("limit_bytes", [300, 1_000, 5_000, 60_000])
def test_bodies_that_are_too_large_are_split_at_records_until_they_are_taken(
    server: Any, reply: Any, step: Step, limit_bytes: int
) -> None:
    server.usual = lambda request: reply(413 if len(request.body) > limit_bytes else 200)
    shipping = step()
    shipping.append(range(1_000))

    account = shipping.run()

    assert list(range(1_000)) == server.numbers()
    assert (1_000, {}) == (account["delivered"], account["dropped"])


def test_a_size_that_was_refused_is_remembered(server: Any, reply: Any, step: Step) -> None:
    refused: list[int] = []
    shipping = step()

    def judge(request: Any) -> Any:
        if len(request.body) > 5_000:
            refused.append(len(request.body))
            return reply(413)
        return reply()

    server.usual = judge
    shipping.append(range(500))
    shipping.run()
    learned = len(refused)
    shipping.append(range(500, 1_000))
    account = shipping.run()

    assert 1 <= learned <= 10
    assert learned == len(refused)
    assert list(range(1_000)) == server.numbers()
    assert 1_000 == account["delivered"]


def test_a_record_that_alone_is_too_large_costs_itself_alone(server: Any, reply: Any, step: Step) -> None:
    server.usual = lambda request: reply(413 if len(request.body) > 2_000 else 200)
    shipping = step()
    shipping.append(range(50))
    shipping.append([50], text="x" * 3_000)
    shipping.append(range(51, 100))

    account = shipping.run()

    assert [*range(50), *range(51, 100)] == server.numbers()
    assert (99, {"oversize": 1}) == (account["delivered"], account["dropped"])


@pytest.mark.parametrize("status", [400, 406, 422])
@pytest.mark.parametrize("place", [0, 1, 499, 998, 999])
def test_one_poisoned_record_costs_itself_alone_and_few_requests(
    server: Any, reply: Any, step: Step, status: int, place: int
) -> None:
    server.usual = lambda request: reply(
        status if b"POISON" in request.body else 200, body=b"line unreadable"
    )
    shipping = step()
    shipping.append(range(place))
    shipping.append([place], text="POISON")
    shipping.append(range(place + 1, 1_000))

    account = shipping.run()

    assert sorted({*range(1_000)} - {place}) == sorted(server.numbers())
    assert 999 == account["delivered"]
    assert 1 == sum(account["dropped"].values())
    assert len(server.requests) <= 33


def test_several_poisoned_records_cost_themselves_alone(server: Any, reply: Any, step: Step) -> None:
    poisoned = {3, 4, 250, 700}
    server.usual = lambda request: reply(400 if b"POISON" in request.body else 200)
    shipping = step(batch_bytes=16_384)
    for number in range(1_000):
        shipping.append([number], text="POISON" if number in poisoned else "said")

    account = shipping.run()

    assert sorted({*range(1_000)} - poisoned) == sorted(server.numbers())
    assert (996, 4) == (account["delivered"], sum(account["dropped"].values()))


def test_a_collector_that_refuses_every_record_is_set_up_wrong_and_loses_few(
    server: Any, reply: Any, step: Step
) -> None:
    right = False
    server.usual = lambda _: reply(200 if right else 400)
    shipping = step()
    shipping.append(range(1_000))
    account = shipping.run(600)
    assert account["pending"] >= 900
    right = True

    account = shipping.run()

    assert 1_000 == account["delivered"] + sum(account["dropped"].values())
    assert account["delivered"] >= 900
    assert account["delivered"] == len(set(server.numbers()))
