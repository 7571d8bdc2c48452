import socket
import threading
from collections.abc import Callable, Generator, Sequence

import pytest

from queue_telemetry._runtime import Address, look_up
from queue_telemetry.statsd import _resolver
from queue_telemetry.statsd._resolver import Resolver

FIRST: Address = (socket.AF_INET, ("192.0.2.1", 8125))
SECOND: Address = (socket.AF_INET, ("192.0.2.2", 8125))
Make = Callable[..., Resolver]


@pytest.fixture(autouse=True)
def _forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_resolver, "_remembered", {})


@pytest.fixture
def told() -> list[Sequence[Address]]:
    return []


@pytest.fixture
def make(told: list[Sequence[Address]]) -> Generator[Make]:
    resolvers = []

    def make(host: str, look_up: Callable[[str, int], Sequence[Address]] | None = None) -> Resolver:
        resolver = Resolver(host, 8125, told.append, look_up)
        resolvers.append(resolver)
        return resolver

    yield make
    for resolver in resolvers:
        resolver.stop()
        if resolver._loop is not None:
            assert resolver._loop.stop(5.0)


def dns_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "queue_telemetry-dns"]


@pytest.mark.parametrize(
    ("host", "first"),
    [
        ("127.0.0.1", (socket.AF_INET, ("127.0.0.1", 8125))),
        ("10.1.2.3", (socket.AF_INET, ("10.1.2.3", 8125))),
        ("localhost", (socket.AF_INET, ("127.0.0.1", 8125))),
        ("LocalHost", (socket.AF_INET, ("127.0.0.1", 8125))),
    ],
)
def test_numeric_host_needs_no_thread(
    make: Make, told: list[Sequence[Address]], host: str, first: Address
) -> None:
    resolver = make(host)
    resolver.start()

    assert told[0][0] == first
    assert resolver.await_answer(0)
    assert dns_threads() == []


def test_ipv6_address_is_numeric(make: Make, told: list[Sequence[Address]]) -> None:
    make("::1")

    assert [(family, sockaddr[0]) for family, sockaddr in told[0]] == [(socket.AF_INET6, "::1")]


def test_name_is_resolved_on_a_thread_of_its_own(make: Make, told: list[Sequence[Address]]) -> None:
    threads: list[str] = []

    def look_up(host: str, port: int) -> Sequence[Address]:
        threads.append(threading.current_thread().name)
        return [FIRST]

    resolver = make("statsd.internal", look_up)
    before = list(told)

    assert resolver.await_answer(5.0)
    assert (before, told) == ([], [[FIRST]])
    assert threads == ["queue_telemetry-dns"]


def test_real_look_up_finds_a_name(make: Make, told: list[Sequence[Address]]) -> None:
    resolver = make("statsd.internal", lambda _, port: look_up("localhost", port, socket.SOCK_DGRAM))

    assert resolver.await_answer(5.0)
    assert told[0][0][1][0] in {"127.0.0.1", "::1"}


@pytest.mark.parametrize(("ipv6", "addresses"), [(False, ["127.0.0.1", "::1"]), (True, ["::1"])])
def test_ipv6_alone_is_used_when_asked_for(
    told: list[Sequence[Address]], ipv6: bool, addresses: list[str]
) -> None:
    Resolver("localhost", 8125, told.append, ipv6=ipv6)

    assert addresses == [address[0] for _, address in told[0]]


def test_slow_dns_holds_nobody_up(make: Make) -> None:
    answer = threading.Event()

    def look_up(host: str, port: int) -> Sequence[Address]:
        answer.wait(5.0)
        return [FIRST]

    resolver = make("statsd.internal", look_up)

    assert not resolver.await_answer(0.001)
    answer.set()
    assert resolver.await_answer(5.0)


@pytest.mark.parametrize(
    "error", [socket.gaierror(), UnicodeError("label too long"), OSError(), ValueError()]
)
def test_failed_look_up_is_an_answer_without_an_address(make: Make, error: Exception) -> None:
    def look_up(host: str, port: int) -> Sequence[Address]:
        raise error

    assert not make("statsd.internal", look_up).await_answer(5.0)


def test_last_good_address_stays_and_a_new_one_is_told(make: Make, told: list[Sequence[Address]]) -> None:
    answers: list[Sequence[Address]] = [[FIRST], [], [SECOND]]

    def look_up(host: str, port: int) -> Sequence[Address]:
        answer = answers.pop(0)
        if not answer:
            raise socket.gaierror
        return answer

    resolver = make("statsd.internal", look_up)
    delays = [resolver._step() for _ in range(3)]

    assert told == [[FIRST], [SECOND]]
    assert delays[0] == delays[2] == 30.0
    assert delays[1] <= 1.0
    assert resolver._known


def test_stopped_resolver_starts_no_thread(make: Make) -> None:
    resolver = make("statsd.internal", lambda host, port: [FIRST])
    resolver.stop()
    resolver.start()

    assert resolver._loop is None


def test_answer_that_comes_after_the_stop_is_not_told(make: Make, told: list[Sequence[Address]]) -> None:
    resolver = make("statsd.internal", lambda host, port: [FIRST])
    resolver.stop()
    resolver._step()

    assert told == []


def test_next_resolver_begins_with_the_last_answer_and_asks_once_that_is_old(
    make: Make, told: list[Sequence[Address]], monkeypatch: pytest.MonkeyPatch
) -> None:
    make("statsd.internal", lambda host, port: [FIRST])._step()
    resolver = make("statsd.internal", lambda host, port: [SECOND])

    assert resolver.await_answer(0)
    assert (told, dns_threads()) == ([[FIRST], [FIRST]], [])

    resolver._fresh_until_s = 0.0  # half a minute later
    resolver.start()
    assert resolver._answered.wait(5.0)
    assert resolver._loop is not None


def test_remembered_answers_are_bounded(make: Make) -> None:
    for number in range(100):
        make(f"host-{number}.internal", lambda host, port: [FIRST])._step()

    assert len(_resolver._remembered) <= 16
