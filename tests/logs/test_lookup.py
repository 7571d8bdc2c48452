"""Addresses in bounded time, whatever the system's look-up does."""

import socket
import threading
from typing import Any

import pytest

from queue_telemetry.logs._lookup import Lookup


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> "Dns":
    server = Dns()
    monkeypatch.setattr(socket, "getaddrinfo", server.look_up)
    return server


class Dns:
    """Answers for `slow.test` when the test says so, by the system for all else."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = threading.Event()
        self._real = socket.getaddrinfo

    def look_up(self, host: str, port: int, **options: Any) -> Any:
        if host != "slow.test" or options.get("flags"):
            return self._real(host, port, **options)
        self.asked += 1
        self.answers.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.9", port))]


@pytest.mark.parametrize(
    ("host", "address"), [("127.0.0.1", ("127.0.0.1", 9)), ("::1", ("::1", 9, 0, 0))], ids=["4", "6"]
)
def test_a_numeric_host_needs_no_thread(
    host: str, address: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(threading.Thread, "start")

    assert [address] == [where for _, where in Lookup().addresses(host, 9, 0.0)]


def test_a_name_has_the_systems_addresses() -> None:
    assert ("127.0.0.1", 9) in [where for _, where in Lookup().addresses("localhost", 9, 10.0)]


@pytest.mark.parametrize("host", ["nobody.invalid", "a..b", "a" * 64])
def test_a_name_without_an_address_is_an_error(host: str) -> None:
    with pytest.raises(OSError, match=r"\w"):
        Lookup().addresses(host, 9, 30.0)


def test_an_answer_that_takes_longer_is_waited_for_again(dns: Dns) -> None:
    lookup = Lookup()
    with pytest.raises(TimeoutError):
        lookup.addresses("slow.test", 9, 0.01)
    with pytest.raises(TimeoutError):
        lookup.addresses("slow.test", 9, 0.0)
    dns.answers.set()

    assert [("127.0.0.9", 9)] == [where for _, where in lookup.addresses("slow.test", 9, 10.0)]
    assert 1 == dns.asked


def test_the_next_connection_asks_anew(dns: Dns) -> None:
    dns.answers.set()
    lookup = Lookup()
    for _ in range(2):
        lookup.addresses("slow.test", 9, 10.0)

    assert 2 == dns.asked


def test_stop_ends_a_wait_and_all_later_ones(dns: Dns) -> None:
    lookup = Lookup()
    lookup.stop()
    with pytest.raises(TimeoutError):
        lookup.addresses("slow.test", 9, 60.0)
    dns.answers.set()


def test_stop_ends_a_wait_that_is_under_way(dns: Dns) -> None:
    lookup, errors = Lookup(), []

    def ask() -> None:
        try:
            lookup.addresses("slow.test", 9, 60.0)
        except TimeoutError as error:
            errors.append(error)

    waiting = threading.Thread(target=ask)
    waiting.start()
    lookup.stop()
    waiting.join(10)
    dns.answers.set()

    assert 1 == len(errors)


def test_without_another_thread_the_caller_asks(dns: Dns, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    dns.answers.set()
    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert [("127.0.0.9", 9)] == [where for _, where in Lookup().addresses("slow.test", 9, 0.0)]
