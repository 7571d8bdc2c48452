import random
from collections.abc import Callable, Generator
from datetime import timedelta
from inspect import signature
from typing import Any

import pytest
import statsd
from statsd.client.base import StatsClientBase

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.statsd import DIALECTS, StatsClient
from queue_telemetry.statsd._transport import BUSY, SendOutcome

MARKER = b"end.of.test:1|c"
Call = tuple[str, tuple[Any, ...], dict[str, Any]]
Record = Callable[..., tuple[StatsClient, list[str]]]


@pytest.fixture
def live(receiver: Any) -> Generator[StatsClient]:
    client = StatsClient("127.0.0.1", receiver.port, "app")
    yield client
    client.close()


def calls(seed: int) -> list[Call]:
    """A table of calls on which the package is right: no exponents, no non-ASCII, names that servers keep."""
    chance = random.Random(seed)
    table: list[Call] = []
    for _ in range(60):
        name = ".".join(
            chance.choice(["jobs", "done", "a-b", "c_d", "x9"]) for _ in range(chance.randint(1, 4))
        )
        number = chance.choice([0, 1, -1, 7, -250, 10**12, 0.5, -0.25, 3.0, 1234.5678])
        rate = chance.choice([1, 1, 1, 1.0, 0.5, 0.1, 0.999, 0.001])
        choices: list[Call] = [
            ("incr", (name,), {}),
            ("incr", (name, number, rate), {}),
            ("decr", (name, abs(number)), {"rate": rate}),
            ("gauge", (name, number, rate), {}),
            ("gauge", (name, number), {"delta": True}),
            ("set", (name, f"user {number}"), {}),
            ("timing", (name, abs(number), rate), {}),
            ("timing", (name, timedelta(milliseconds=abs(number) % 10**6)), {}),
        ]
        table.append(chance.choice(choices))
    return table


def play(client: Any, table: list[Call], *, seed: int) -> None:
    """The table call by call, then in a pipeline, then in a pipeline within a pipeline."""
    random.seed(seed)
    for method, args, kwargs in table:
        getattr(client, method)(*args, **kwargs)
    with client.pipeline() as pipe:
        for method, args, kwargs in table:
            getattr(pipe, method)(*args, **kwargs)
    with client.pipeline() as outer, outer.pipeline() as inner:
        for method, args, kwargs in table:
            outer.incr("outer")
            getattr(inner, method)(*args, **kwargs)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("prefix", [None, "app.web"])
@pytest.mark.parametrize("limit", [80, 512, 1432])
def test_plain_bytes_equal_those_of_the_package(
    receiver: Any, seed: int, prefix: str | None, limit: int
) -> None:
    # the package ends a datagram one short of its limit; ours fills it
    theirs = statsd.StatsClient("127.0.0.1", receiver.port, prefix, limit + 1)
    ours = StatsClient("127.0.0.1", receiver.port, prefix, limit)
    table = calls(seed)
    taken = []
    for client in (theirs, ours):
        play(client, table, seed=seed)
        client.incr("end.of.test")
        taken.append(receiver.take_until(MARKER))
        client.close()

    assert taken[0] == taken[1]
    assert len(taken[1]) > 20


def test_client_is_one_of_the_package() -> None:
    client = StatsClient()

    assert isinstance(client, StatsClientBase)
    client.close()


def test_call_after_close_is_counted(receiver: Any, live: StatsClient) -> None:
    live.close()
    live.incr("jobs")
    with live.pipeline() as pipe:
        pipe.incr("jobs")
        pipe.incr("jobs")

    assert live.stats()["lines_dropped"] == {"closed": 3}


def test_line_over_the_limit_is_counted_and_not_sent(receiver: Any, live: StatsClient) -> None:
    live.set("users", "x" * 9000)
    live.incr("end.of.test")

    assert receiver.take_until(MARKER) == [b"app.end.of.test:1|c"]
    assert live.stats()["lines_dropped"] == {"oversize": 1}
    assert live.stats()["last_error"] == "oversize"


def test_what_was_sent_is_counted(receiver: Any, live: StatsClient) -> None:
    with live.pipeline() as pipe:
        pipe.incr("a")
        pipe.incr("b")
    (datagram,) = receiver.take(1)
    stats = live.stats()

    assert datagram == b"app.a:1|c\napp.b:1|c"
    assert (stats["datagrams"], stats["lines"], stats["bytes"]) == (1, 2, len(datagram))


def test_host_name_is_not_resolved_by_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    client = StatsClient("statsd.invalid", 8125)
    asked: list[bool] = []
    monkeypatch.setattr(client._resolver, "start", lambda: asked.append(True))
    client.incr("jobs")

    assert asked == [True]
    assert client.stats()["lines_dropped"] == {"unresolved": 1}
    client.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"host": ""}, "STATSD_HOST is ''"),
        ({"port": 0}, "STATSD_PORT is 0"),
        ({"port": 65_536}, "STATSD_PORT is 65536"),
        ({"port": "http"}, "STATSD_PORT is 'http'"),
        ({"port": None}, "STATSD_PORT is None"),
        ({"port": "0"}, "STATSD_PORT is '0'"),
        ({"host": None}, "STATSD_HOST is None"),
        ({"maxudpsize": "512"}, "STATSD_MAX_PAYLOAD_BYTES is '512'"),
        ({"prefix": 5}, "STATSD_PREFIX is 5"),
        ({"maxudpsize": 10}, "STATSD_MAX_PAYLOAD_BYTES is 10"),
        ({"maxudpsize": 65_508}, "STATSD_MAX_PAYLOAD_BYTES is 65508"),
        ({"socket_path": "dsd.socket"}, "STATSD_SOCKET is 'dsd.socket'"),
        ({"prefix": "..."}, "STATSD_PREFIX is '...'"),
        ({"prefix": "_"}, "STATSD_PREFIX is '_'"),
        ({"prefix": "été"}, "STATSD_PREFIX is 'été'"),
        ({"prefix": "a..b"}, "STATSD_PREFIX is 'a..b'"),
        ({"prefix": "7shifts.prod", "dialect": DIALECTS["datadog"]}, "STATSD_PREFIX is '7shifts.prod'"),
        ({"prefix": "42", "dialect": "datadog"}, "STATSD_PREFIX is '42'"),
        (
            {"dialect": "dogstatsd"},
            "STATSD_DIALECT is 'dogstatsd'; it must be one of statsd, graphite, datadog",
        ),
        ({"prefix": "p" * 101}, "STATSD_PREFIX is 'p"),
    ],
)
def test_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        StatsClient(**arguments)

    assert str(raised.value).startswith(message)


def test_port_may_be_digits_as_in_the_package(receiver: Any) -> None:
    client = StatsClient("127.0.0.1", str(receiver.port))
    client.incr("jobs")
    client.close()

    assert receiver.take(1) == [b"jobs:1|c"]


def test_dashes_of_a_prefix_become_what_the_dialect_has_for_them(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("queue_telemetry._runtime.log._last", {})  # whatever was said before
    client = StatsClient(prefix="my-app", dialect=DIALECTS["datadog"])

    assert client._prefix == "my_app"
    assert ["Dialect datadog has no dashes in names: the prefix is my_app."] == caplog.messages
    assert StatsClient(prefix="my-app")._prefix == "my-app"


def test_arguments_have_the_names_and_places_of_the_package() -> None:
    ours, theirs = (list(signature(client).parameters) for client in (StatsClient, statsd.StatsClient))

    assert theirs == ours[: len(theirs)]


def test_close_tries_once_more_and_gives_up_the_rest(live: StatsClient, receiver: Any) -> None:
    answers: list[SendOutcome] = [BUSY, BUSY, BUSY, None, BUSY]
    send = live._transport.send

    def answer(payload: bytes) -> SendOutcome:
        return send(payload) if (outcome := answers.pop(0)) is None else outcome

    live._transport.send = answer  # type: ignore[method-assign] # a socket that is full at will
    live.incr("first")
    live.incr("second")
    assert live.stats()["datagrams_waiting"] == 2
    live.close()
    live.close()

    assert receiver.take(1) == [b"app.first:1|c"]
    assert live.stats()["lines_dropped"] == {"shutdown": 1}
    assert live.stats()["datagrams_waiting"] == 0
