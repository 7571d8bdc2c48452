"""A UDP receiver, a strict parser of lines, and makers of clients and emitters that clean up after themselves."""

import re
import socket
from collections.abc import Callable, Generator, Mapping

import pytest

from queue_telemetry._runtime import Delivery, DeliveryLedger
from queue_telemetry.statsd import DIALECTS, Emitter, StatsClient

_PLAIN = re.compile(
    r"(?P<name>[A-Za-z0-9\-][A-Za-z0-9_\-]*(?:\.[A-Za-z0-9_\-]+)*)"
    r":(?P<values>[+\-]?\d+(?:\.\d+)?|[^|:@#,;=\n\r]+(?=\|s))"
    r"\|(?P<type>c|g|ms|s)(?:\|@(?P<rate>0\.\d+))?(?P<tags>)"
)
_DATADOG = re.compile(
    r"(?P<name>[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)"
    r":(?P<values>-?\d+(?:\.\d+)?(?::-?\d+(?:\.\d+)?)*|[^|:@#,;=\n\r]+(?=\|s))"
    r"\|(?P<type>c|g|ms|h|d|s)(?:\|@(?P<rate>0\.\d+))?(?:\|#(?P<tags>[^|#\n]+))?"
)
_GRAPHITE = re.compile(
    r"(?P<name>[A-Za-z0-9\-][A-Za-z0-9_\-]*(?:\.[A-Za-z0-9_\-]+)*)(?P<tags>(?:;[^;:|]+)*)"
    r":(?P<values>[+\-]?\d+(?:\.\d+)?|[^|:@#,;=\n\r]+(?=\|s))"
    r"\|(?P<type>c|g|ms|s)(?:\|@(?P<rate>0\.\d+))?"
)
_GRAPHITE_TAG = re.compile(r"(?P<key>[a-z][a-z0-9_\-.]*)=(?P<value>[A-Za-z0-9_.\-]+)")
_PATTERNS = {"statsd": _PLAIN, "graphite": _GRAPHITE, "datadog": _DATADOG}
_TAG = re.compile(r"(?P<key>[a-z][a-z0-9_\-./]*):(?P<value>[\w\-:./]*[\w\-./])")

Line = tuple[str, list[str], str, str, dict[str, str]]
"""Name, values as texts, type, rate as a text (empty for none), tags."""


class Receiver:
    """A UDP socket that keeps what arrives whole."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(5)
        self.port: int = self._socket.getsockname()[1]

    def take(self, count: int) -> list[bytes]:
        return [self._socket.recv(65_535) for _ in range(count)]

    def take_until(self, marker: bytes) -> list[bytes]:
        taken = self.take(1)
        while marker not in taken[-1]:
            taken += self.take(1)
        return taken

    def close(self) -> None:
        self._socket.close()


def parse_line(line: str, dialect: str) -> Line:
    match = _PATTERNS[dialect].fullmatch(line)
    assert match, f"not a line of {dialect}: {line!r}"
    assert len(match["name"]) <= 200
    assert ".." not in match["name"]
    if dialect == "graphite":
        return (
            match["name"],
            [match["values"]],
            match["type"],
            match["rate"] or "",
            _graphite_tags(match["tags"]),
        )
    tags: dict[str, str] = {}
    for text in (match["tags"] or "").split(",") if match["tags"] else []:
        tag = _TAG.fullmatch(text)
        assert tag, f"not a tag: {text!r}"
        assert tag["key"] != "host"  # the Agent's own, as is the next
        assert not tag["key"].startswith("dd.internal.")
        assert tag["key"] not in tags
        tags[tag["key"]] = tag["value"]
    return match["name"], match["values"].split(":"), match["type"], match["rate"] or "", tags


def _graphite_tags(text: str) -> dict[str, str]:
    pairs = [_GRAPHITE_TAG.fullmatch(pair) for pair in text.split(";")[1:]]
    assert None not in pairs, f"not tags: {text!r}"
    tags = [(pair["key"], pair["value"]) for pair in pairs if pair]
    assert tags == sorted(tags)
    assert len(dict(tags)) == len(tags)
    assert "name" not in dict(tags)  # Carbon's own
    return dict(tags)


@pytest.fixture(scope="session")
def parse() -> Callable[[str, str], Line]:
    return parse_line


@pytest.fixture
def receiver() -> Generator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def receiver_of_module() -> Generator[Receiver]:
    """One receiver for all examples of a property."""
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="session")
def record() -> Callable[..., tuple[StatsClient, list[str]]]:
    """Make a client whose datagrams end up in a list, at the seam that every byte passes."""

    def make(
        dialect: str = "statsd",
        prefix: str | None = "app",
        maxudpsize: int = 1432,
        constant_tags: Mapping[str, str] | None = None,
    ) -> tuple[StatsClient, list[str]]:
        client = StatsClient(
            "127.0.0.1", 9, prefix, maxudpsize, dialect=DIALECTS[dialect], constant_tags=constant_tags
        )
        sent: list[str] = []
        client._send = sent.append  # type: ignore[method-assign, assignment] # the documented seam
        return client, sent

    return make


@pytest.fixture(scope="session")
def make_emitter() -> Callable[..., tuple[Emitter, DeliveryLedger]]:
    def make(
        client: StatsClient,
        *,
        timer_type: str | None = None,
        max_samples: int = 4096,
        host: str = "h1",
        slot: int | None = 0,
        signals: Mapping[str, Callable[[], Delivery]] | None = None,
    ) -> tuple[Emitter, DeliveryLedger]:
        ledger = DeliveryLedger()
        emitter = Emitter(
            client,
            ledger=ledger,
            signals={} if signals is None else signals,
            timer_type=timer_type or client._dialect.timer_types[0],
            max_samples=max_samples,
            host=host,
            slot=slot,
        )
        return emitter, ledger

    return make
