"""Connections that stall: no exchange outlasts its deadline, no caller waits for one, and closing is in time."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

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
