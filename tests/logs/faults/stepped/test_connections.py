"""Connections that break, stall or lie: every record arrives or is counted, and no exchange outlasts its deadline."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

Step = Callable[..., Any]
_DEADLINE_S = 0.3
_SOON_S = 1.5
_RANDOM = "".join(random.Random(1).choices("0123456789abcdef", k=4_000))


@contextmanager
def _ticking(pipeline: Any) -> Iterator[None]:
    """Keep the deadlines, as the owner's ticker does."""
    over = threading.Event()

    def tick() -> None:
        while not over.wait(0.02):
            pipeline.enforce_deadline()

    ticker = threading.Thread(target=tick)
    ticker.start()
    try:
        yield
    finally:
        over.set()
        ticker.join(5)


def test_what_was_logged_before_the_collector_listened_arrives(unheard: Any, step: Step) -> None:
    shipping = step(batch_bytes=4096)
    shipping.append(range(500))
    assert 500 == shipping.run(600)["pending"]
    unheard.start()

    account = shipping.run()

    assert list(range(500)) == unheard.numbers()
    assert (500, {}) == (account["delivered"], account["dropped"])


def test_a_connection_that_is_reset_in_the_middle_of_a_body_loses_and_doubles_nothing(
    server: Any, deed: Any, step: Step
) -> None:
    server.at_connect += [deed.RESET_IN_BODY] * 2
    shipping = step()
    shipping.append(range(100), text=_RANDOM)

    account = shipping.run()

    assert list(range(100)) == server.numbers()
    assert (100, {}, 2) == (account["delivered"], account["dropped"], account["retries"])


@pytest.mark.parametrize("how", ["CLOSE", "RESET"])
def test_an_answer_that_gets_lost_doubles_one_batch_at_most(
    server: Any, reply: Any, deed: Any, step: Step, how: str
) -> None:
    """The collector has the batch, and nobody can tell that it has."""
    shipping = step(batch_bytes=4096)
    shipping.append(range(300))
    lost: list[Any] = []

    def lose_the_third(request: Any) -> Any:
        if len(server.requests) == 2 and not lost:
            lost.extend(request.lines)
            server.stored.extend(request.lines)
            return deed[how]
        return reply()

    server.usual = lose_the_third

    account = shipping.run()

    times = Counter(server.numbers())
    assert set(range(300)) == set(times)
    assert len(lost) == sum(times.values()) - 300
    assert (300, {}) == (account["delivered"], account["dropped"])


def test_a_kept_connection_that_was_closed_meanwhile_costs_no_failure(
    server: Any, deed: Any, step: Step
) -> None:
    shipping = step()
    shipping.append([0])
    shipping.run()
    server.script.append(deed.CLOSE)
    shipping.append([1])
    account = shipping.run()

    assert [0, 1] == server.numbers()
    assert (2, 0) == (account["delivered"], account["retries"])
    assert [1, 1, 2] == [request.connection for request in server.requests]


@pytest.mark.parametrize("cut", [0, 1, 9, 20, 35])
def test_half_a_head_is_no_answer(server: Any, reply: Any, step: Step, cut: int) -> None:
    server.script.append(reply(cut=cut, stored=[]))
    shipping = step()
    shipping.append(range(10))

    account = shipping.run()

    assert list(range(10)) == server.numbers()
    assert (10, {}, 1) == (account["delivered"], account["dropped"], account["retries"])


def test_a_status_stands_when_the_body_after_it_breaks_off(server: Any, reply: Any, step: Step) -> None:
    server.script.append(reply(headers={"content-length": "100"}, cut=60))
    shipping = step()
    shipping.append(range(10))

    assert 10 == shipping.run()["delivered"]
    assert list(range(10)) == server.numbers()


def test_an_answer_that_comes_before_the_body_was_read_is_heard(server: Any, reply: Any, step: Step) -> None:
    """The rest of the body meets a closed connection, which resets it; the answer was there before."""
    server.at_head = lambda size: reply(413) if size > 100_000 else None
    shipping = step()
    for number in range(200):
        shipping.append([number], text=_RANDOM[number:] + _RANDOM[:number])

    account = shipping.run()

    assert list(range(200)) == server.numbers()
    assert (200, {}) == (account["delivered"], account["dropped"])


@pytest.mark.parametrize("answer", ["SILENCE", "slow head", "slow body"])
def test_an_answer_that_never_ends_is_given_up_at_the_deadline(
    server: Any, reply: Any, deed: Any, pipeline: Any, record_line: Any, answer: str
) -> None:
    paced = reply(503, pace_s=0.05, body=b"x" * (0 if answer == "slow head" else 1_000))
    if answer == "slow body":
        paced = reply(503, body=b"x" * 1_000, pace_s=0.004)
    server.script.append(deed.SILENCE if answer == "SILENCE" else paced)
    shipper = pipeline()
    shipper.buffer.on_wake = lambda: None
    shipper.buffer.append(record_line(0))
    shipper.buffer.seal()
    began_s = time.monotonic()

    with _ticking(shipper):
        shipper.step(_DEADLINE_S)

    assert time.monotonic() - began_s < _SOON_S
    assert 1 == shipper.stats()["pending"]
    assert shipper.close(5.0)
    assert [0] == server.numbers()


@pytest.mark.parametrize("how", ["NEVER_READ", "READ_SLOWLY"])
def test_a_body_that_is_hardly_read_is_given_up_at_the_deadline(
    server: Any, deed: Any, pipeline: Any, record_line: Any, how: str
) -> None:
    server.at_connect.append(deed[how])
    shipper = pipeline()
    shipper.buffer.on_wake = lambda: None
    for number in range(200):
        shipper.buffer.append(record_line(number, _RANDOM[number:] + _RANDOM[:number]))
    shipper.buffer.seal()
    began_s = time.monotonic()

    with _ticking(shipper):
        shipper.step(_DEADLINE_S)

    assert time.monotonic() - began_s < _SOON_S
    assert 200 == shipper.stats()["pending"]
    assert shipper.close(5.0)
    assert list(range(200)) == server.numbers()


@pytest.mark.parametrize("weather", ["refused", "SILENCE", "NEVER_READ", "READ_SLOWLY", "RESET_IN_BODY"])
def test_no_caller_waits_and_close_is_in_time_in_any_weather(
    unheard: Any, deed: Any, pipeline: Any, record_line: Any, weather: str
) -> None:
    if weather != "refused":
        unheard.start()
        unheard.at_connect += [deed[weather]] * 50
    shipper = pipeline(batch_bytes=4096)
    lines = [record_line(number) for number in range(5_000)]
    slowest_s = 0.0
    for one in lines:
        began_s = time.monotonic()
        shipper.buffer.append(one)
        slowest_s = max(slowest_s, time.monotonic() - began_s)
    began_s = time.monotonic()

    shipper.close(0.3)

    assert time.monotonic() - began_s < _SOON_S
    assert slowest_s < _DEADLINE_S, (
        "a caller is held up by the interpreter's other threads, never by a socket"
    )
    delivery = shipper.delivery()
    assert (5_000, 0) == (delivery.accepted, delivery.pending)
    assert 5_000 == delivery.delivered + sum(delivery.dropped.values())
