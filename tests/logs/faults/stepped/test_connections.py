"""Connections that break or lie: every record arrives or is counted, and only an answer that gets lost doubles any."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

Step = Callable[..., Any]
_RANDOM = "".join(random.Random(1).choices("0123456789abcdef", k=4_000))


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


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nstored",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\nHTTP/1.1 204 OK\r\n\r\n",
        b"HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-encoding: gzip\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-encoding: sdch\r\n\r\nno",
    ],
)
def test_success_is_heard_however_it_is_put(server: Any, reply: Any, step: Step, raw: bytes) -> None:
    server.script.append(reply(raw=raw))
    shipping = step()
    shipping.append(range(10))

    account = shipping.run()

    assert list(range(10)) == server.numbers()
    assert (10, {}, 0) == (account["delivered"], account["dropped"], account["retries"])


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x15\x03\x01\x00\x02\x02\x50",
        b"HTTP/1.1 200",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000,
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n",
        b"\r\n" * 1_000,
    ],
)
def test_what_is_no_answer_is_not_taken_for_one(server: Any, reply: Any, step: Step, raw: bytes) -> None:
    server.script.append(reply(raw=raw, stored=[]))
    shipping = step()
    shipping.append(range(10))

    account = shipping.run()

    assert list(range(10)) == server.numbers()
    assert (10, {}, 1) == (account["delivered"], account["dropped"], account["retries"])


def test_an_answer_that_comes_before_the_body_was_read_is_heard(server: Any, reply: Any, step: Step) -> None:
    """The rest of the body meets a closed connection, which resets it; the answer was there before."""
    server.at_head = lambda size: reply(413) if size > 100_000 else None
    shipping = step()
    for number in range(200):
        shipping.append([number], text=_RANDOM[number:] + _RANDOM[:number])

    account = shipping.run()

    assert list(range(200)) == server.numbers()
    assert (200, {}) == (account["delivered"], account["dropped"])
