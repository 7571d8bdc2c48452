"""Flushes over real sockets that are full, go away and come back; and at a pace."""

import socket
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from queue_telemetry._runtime import DeliveryLedger, DropReason
from queue_telemetry.metrics import CATALOG, Batch, Kind, Metric, Series
from queue_telemetry.statsd import DIALECTS, Emitter, StatsClient
from queue_telemetry.statsd._pace import Pace

MakeEmitter = Callable[..., tuple[Emitter, DeliveryLedger]]
MakeFlooded = Callable[[StatsClient], tuple[Emitter, DeliveryLedger]]
Record = Callable[..., tuple[StatsClient, list[str]]]
Sent = list[tuple[float, int]]
COUNTER = Series(CATALOG["queue.tasks.completed"], ("mail", "send"))
TIMER = Series(CATALOG["queue.task.wait"], ("mail", "send"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "dsd.socket"


@pytest.fixture
def client(path: Path) -> Generator[StatsClient]:
    client = StatsClient(socket_path=str(path), dialect=DIALECTS["datadog"])
    yield client
    client.close()


@pytest.fixture
def make_flooded(make_emitter: MakeEmitter) -> MakeFlooded:
    """Make an emitter with more to send than a socket holds."""

    def make(client: StatsClient) -> tuple[Emitter, DeliveryLedger]:
        emitter, ledger = make_emitter(client, max_samples=1_000_000)
        emitter.add(Batch(timings=[(TIMER, [0.25] * 100_000)]))
        return emitter, ledger

    return make


class Agent:
    """Listens on a Unix socket of either type and counts the values of timings, until it is closed."""

    def __init__(self, path: Path, kind: socket.SocketKind) -> None:
        path.unlink(missing_ok=True)
        self._kind = kind
        self._socket = socket.socket(socket.AF_UNIX, kind)
        self._socket.bind(str(path))
        self._socket.settimeout(5)
        if kind == socket.SOCK_STREAM:
            self._socket.listen(4)
        self.values = 0

    def read(self, values: int) -> None:
        """Read until so many values of timings came; each payload must be whole lines."""
        if self._kind == socket.SOCK_DGRAM:
            while self.values < values:
                self._take(self._socket.recv(65_535))
            return
        connection, _ = self._socket.accept()
        with connection, connection.makefile("rb") as stream:
            while self.values < values:
                length = int.from_bytes(stream.read(4), "little")
                assert 0 < length <= 8192
                self._take(stream.read(length))

    def close(self) -> None:
        self._socket.close()

    def _take(self, payload: bytes) -> None:
        for line in payload.decode().split("\n"):
            name, *values = line.partition("|")[0].split(":")
            assert name.startswith("queue.")
            self.values += len(values) if "wait" in name else 0


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_slow_agent_gets_everything(
    path: Path, client: StatsClient, make_flooded: MakeFlooded, kind: socket.SocketKind
) -> None:
    agent, (emitter, ledger) = Agent(path, kind), make_flooded(client)
    assert not emitter.flush(0.0)  # the socket holds less than that
    reader = threading.Thread(target=agent.read, args=(100_000,))
    reader.start()
    sent = emitter.flush(10.0)
    reader.join(10.0)
    agent.close()

    assert sent
    assert agent.values == 100_000
    assert (ledger.read().delivered, ledger.read().dropped) == (100_000, {})


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_agent_that_hangs_holds_nobody_up_and_nothing_is_lost(
    path: Path, client: StatsClient, make_flooded: MakeFlooded, kind: socket.SocketKind
) -> None:
    agent, (emitter, ledger) = Agent(path, kind), make_flooded(client)
    began_s = time.monotonic()
    sent = [emitter.flush(0.02) for _ in range(3)]
    took_s = time.monotonic() - began_s
    emitter.add(Batch(counters=[(COUNTER, 5, 5)]))
    delivery = ledger.read()

    assert sent == [False] * 3
    assert took_s < 2.0
    assert delivery.dropped == {}
    assert delivery.pending == emitter.pending_weight > 0
    assert not emitter.close(0.0)
    agent.close()
    delivery = ledger.read()
    assert delivery.dropped.keys() == {DropReason.SHUTDOWN}
    assert delivery.delivered + delivery.dropped[DropReason.SHUTDOWN] == 100_005
    assert delivery.pending == emitter.pending_weight == 0


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_agent_that_is_away_costs_what_is_sent_meanwhile_and_that_is_counted(
    path: Path, client: StatsClient, make_emitter: MakeEmitter, kind: socket.SocketKind
) -> None:
    emitter, ledger = make_emitter(client)
    emitter.add(Batch(timings=[(TIMER, [0.25] * 7)]))
    assert emitter.flush(1.0)
    agent = Agent(path, kind)
    emitter.add(Batch(timings=[(TIMER, [0.25] * 9)]))
    assert emitter.flush(1.0)
    agent.read(9)
    agent.close()
    delivery = ledger.read()

    assert (delivery.delivered, delivery.dropped) == (9, {DropReason.REFUSED: 7})
    assert agent.values == 9


@pytest.fixture
def timed(record: Record) -> tuple[StatsClient, Sent]:
    """A client of the plain dialect that notes when each datagram is sent, and its size."""
    client, _ = record()
    sent: Sent = []

    def send(data: str) -> None:
        sent.append((time.monotonic(), len(data)))

    client._send = send  # type: ignore[method-assign] # the documented seam
    return client, sent


def test_datagrams_keep_the_pace_from_one_flush_to_the_next(
    timed: tuple[StatsClient, Sent], make_emitter: MakeEmitter
) -> None:
    client, sent = timed
    emitter, _ = make_emitter(client)
    for _ in range(10):
        emitter.add(Batch(timings=[(TIMER, [0.5] * 500)]))
        assert emitter.flush(10.0)

    burst_bytes, rate = 32 * 1432, client._dialect.pace_bytes_per_s
    for first, (from_s, _) in enumerate(sent):
        total = 0
        for at_s, size_bytes in sent[first:]:
            total += size_bytes
            # a little more, since a datagram is noted later than it was let go
            assert total <= burst_bytes + rate * (at_s - from_s + 0.001)
    assert sum(size_bytes for _, size_bytes in sent) > 3 * burst_bytes


def test_several_datagrams_go_between_two_pauses_for_the_pace(
    timed: tuple[StatsClient, Sent], make_emitter: MakeEmitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, sent = timed
    emitter, _ = make_emitter(client, max_samples=100_000)
    wait, pauses, timeouts_s = emitter._turns._pause.acquire, [], []

    class Pause:
        def acquire(self, timeout: float) -> bool:
            pauses.append(len(sent))
            timeouts_s.append(timeout)
            return wait(timeout=timeout)

    monkeypatch.setattr(emitter._turns, "_pause", Pause())
    emitter.add(Batch(timings=[(TIMER, [0.5] * 5000)]))
    emitter.flush(10.0)

    assert pauses[0] >= 12  # a burst
    assert len(sent) - pauses[0] >= 2 * (len(pauses) - 1)
    assert min(timeouts_s) >= 0.006


def test_flush_that_the_pace_would_make_late_goes_faster_and_ends_in_time(
    timed: tuple[StatsClient, Sent], make_emitter: MakeEmitter
) -> None:
    client, sent = timed
    emitter, ledger = make_emitter(client)
    emitter._dispatch._pace = Pace(1000, 1432)
    emitter.add(Batch(timings=[(TIMER, [0.5] * 4000)]))  # two minutes at that pace
    began_s = time.monotonic()
    done = emitter.flush(1.0)

    assert done
    assert (ledger.read().delivered, ledger.read().pending) == (4000, 0)
    assert sent[-1][0] - began_s > 0.2  # spread over the time, not sent at once


def test_flush_may_take_a_larger_share_of_its_time(
    timed: tuple[StatsClient, Sent], make_emitter: MakeEmitter
) -> None:
    client, sent = timed
    emitter, _ = make_emitter(client)
    emitter._dispatch._pace = Pace(1000, 1432)
    emitter.add(Batch(timings=[(TIMER, [0.5] * 4000)]))
    began_s = time.monotonic()
    done = emitter.flush(1.0, share=0.9)

    assert done
    assert sent[-1][0] - began_s > 0.6


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_close_gives_up_an_agent_that_hangs(
    path: Path, client: StatsClient, make_flooded: MakeFlooded, kind: socket.SocketKind
) -> None:
    agent, (emitter, ledger) = Agent(path, kind), make_flooded(client)
    began_s = time.monotonic()
    closed = emitter.close(30.0)
    took_s = time.monotonic() - began_s
    agent.close()

    assert not closed
    assert 0.4 < took_s < 5.0
    assert ledger.read().dropped.keys() == {DropReason.SHUTDOWN}
    assert ledger.read().pending == 0


def test_short_lines_count_as_more_since_a_receiver_works_by_the_line(
    timed: tuple[StatsClient, Sent], make_emitter: MakeEmitter
) -> None:
    client, sent = timed
    emitter, _ = make_emitter(client)
    emitter._dispatch._pace = Pace(1, 64 * 100)
    emitter.add(
        Batch(counters=[(Series(Metric(f"c{number}", Kind.COUNTER)), 1, 1) for number in range(1000)])
    )
    emitter.flush(0.0)

    (_, size_bytes), *more = sent
    assert (size_bytes > 1400, more) == (
        True,
        [],
    )  # a hundred lines of about 10 bytes, and no second datagram


def test_small_datagrams_count_as_more_since_a_receivers_buffer_is_filled_by_them_too(
    timed: tuple[StatsClient, Sent], make_emitter: MakeEmitter
) -> None:
    client, sent = timed
    emitter, _ = make_emitter(client)
    emitter._dispatch._pace = Pace(1, 5 * 512)
    for _ in range(8):
        emitter.add(Batch(counters=[(COUNTER, 1, 1)]))
        emitter.flush(0.0)

    assert [size_bytes < 100 for _, size_bytes in sent] == [True] * 5
