"""The law under exceptions that come out of nowhere, as a time limit's do from a signal handler."""

import socket
import sys
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from itertools import count
from types import FrameType
from typing import Any

import pytest

from queue_telemetry._runtime import DeliveryLedger, DropReason
from queue_telemetry.metrics import CATALOG, Batch, Series
from queue_telemetry.statsd import Emitter, StatsClient
from queue_telemetry.statsd._socket_path import SocketPath
from queue_telemetry.statsd._unix_transport import UnixTransport

MakeEmitter = Callable[..., tuple[Emitter, DeliveryLedger]]
Record = Callable[..., tuple[StatsClient, list[str]]]

QUEUES = ("a", "b.c", "b_c", "d/e")
COUNTERS = [Series(CATALOG["queue.tasks.completed"], (queue, "t")) for queue in QUEUES]
TIMER = Series(CATALOG["queue.task.wait"], ("a", "t"))
GAUGES = [Series(CATALOG["queue.size"], ("a",)), Series(CATALOG["queue.active_workers"])]


class Interrupt(BaseException):
    """What the signal handler raises."""


class Kernel:
    """Stands where the socket does; no byte code of it is a place to raise at, as there is none in a socket."""

    type = socket.SOCK_DGRAM

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def send(self, data: bytes, flags: int = 0) -> int:
        self.taken.append(data)
        return len(data)

    def close(self) -> None:
        """The client closes it."""


class FullKernel(Kernel):
    """Has no room each third time."""

    def __init__(self) -> None:
        super().__init__()
        self._offers = count(1)

    def send(self, data: bytes, flags: int = 0) -> int:
        if next(self._offers) % 3 == 0:
            raise BlockingIOError(11, "full")
        return super().send(data)


class StreamKernel(FullKernel):
    """The same with a stream, which takes up to 100 bytes at once; what it took is cut into payloads again."""

    type = socket.SOCK_STREAM

    def __init__(self) -> None:
        super().__init__()
        self._stream = b""

    def send(self, data: bytes, flags: int = 0) -> int:
        if next(self._offers) % 3 == 0:
            raise BlockingIOError(11, "full")
        self._stream += data[:100]
        while len(self._stream) >= 4 + (size := int.from_bytes(self._stream[:4], "little")):
            self.taken.append(self._stream[4 : 4 + size])
            self._stream = self._stream[4 + size :]
        return len(data[:100])


def client_of(kernel: Kernel) -> StatsClient:
    client = StatsClient("127.0.0.1", 9, maxudpsize=128)
    if isinstance(kernel, StreamKernel):
        client._transport = client._outbox._transport = UnixTransport(SocketPath("/nowhere", ()), 8192)
    client._transport._socket = kernel  # type: ignore[attr-defined] # where the kernel begins
    return client


def interrupted(nth: int, work: Callable[[], Any]) -> bool:
    """Do *work* and raise at the nth byte code that it runs in the room; tell whether it came that far."""
    left = nth

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal left
        if "/statsd/" not in frame.f_code.co_filename or frame.f_code.co_filename == __file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                raise Interrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        next(contained(work))
    except Interrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def contained(work: Callable[[], Any]) -> Generator[Any]:
    """Do *work* where the exception that is being handled at the interrupt stays behind: a generator has its own."""
    yield work()


def check_law(stats: Mapping[str, Any]) -> None:
    assert stats["accepted"] == stats["delivered"] + sum(stats["dropped"].values()) + stats["pending"]


def sums(taken: list[bytes]) -> Counter[str]:
    """Return what arrived: counters by name, and the number of timings."""
    found: Counter[str] = Counter()
    for line in b"\n".join(taken).decode().split("\n"):
        name, _, rest = line.partition(":")
        value, _, kind = rest.partition("|")
        if kind == "c" and "telemetry" not in name:
            found["counters"] += int(value)
        elif kind == "ms":
            found["timings"] += 1
        elif kind == "c":
            found[name.rsplit(".", 3)[1]] += int(value)
    return found


# Byte codes between the places tried, since each of thousands would take a minute.
@pytest.mark.parametrize(("make_kernel", "stride"), [(Kernel, 47), (FullKernel, 109), (StreamKernel, 251)])
@pytest.mark.parametrize("closes", [False, True])
def test_an_exception_at_any_byte_code_loses_nothing_and_counts_nothing_twice(
    make_emitter: MakeEmitter, closes: bool, make_kernel: Callable[[], Kernel], stride: int
) -> None:
    for nth in count(1, stride):
        kernel = make_kernel()
        client = client_of(kernel)
        ledger_reads: dict[str, Callable[[], Any]] = {}
        emitter, ledger = make_emitter(client, signals=ledger_reads)
        ledger_reads["metrics"] = ledger.read
        emitter.add(Batch(gauges=[(series, 1, 1) for series in GAUGES]))
        batch = Batch(
            counters=[(series, 2, 2) for series in COUNTERS],
            timings=[(TIMER, [0.5] * 9)],
            dropped={DropReason.OVERFLOW: 1},
        )

        def work(batch: Batch = batch, emitter: Emitter = emitter) -> None:
            emitter.add(batch)
            emitter.flush(1.0)
            if closes:
                emitter.close(1.0)

        was_interrupted = interrupted(nth, work)
        check_law(emitter.stats())
        emitter.add(Batch())
        assert closes or emitter.flush(1.0)
        stats = emitter.stats()

        check_law(stats)
        read = ledger.read()
        assert (read.accepted, read.delivered) == (stats["accepted"], stats["delivered"])
        assert {str(reason): units for reason, units in read.dropped.items()} == stats["dropped"]
        found = sums(kernel.taken)
        if not closes:
            taken_in = read.accepted > len(GAUGES)
            assert stats["pending"] == 0
            assert read.accepted == len(GAUGES) + taken_in * batch.weight
            assert (found["counters"], found["timings"]) == (taken_in * 8, taken_in * 9)
            assert found["delivered"] <= read.delivered
        assert found["counters"] + found["timings"] <= 17
        emitter.close(1.0)
        if not was_interrupted:
            return


@pytest.mark.parametrize(("make_kernel", "stride"), [(Kernel, 3), (FullKernel, 3), (StreamKernel, 7)])
def test_an_exception_at_any_byte_code_of_calls_by_hand_loses_none_that_was_taken_in(
    make_kernel: Callable[[], Kernel], stride: int
) -> None:
    for nth in count(1, stride):
        kernel, returned = make_kernel(), 0
        client = client_of(kernel)

        def work(client: StatsClient = client) -> None:
            nonlocal returned
            for number in range(6):
                client.incr(f"call.{number}")
                returned += 1

        was_interrupted = interrupted(nth, work)
        while not client.advance():
            pass
        client.close()
        found = [int(payload.decode().removeprefix("call.").removesuffix(":1|c")) for payload in kernel.taken]

        assert found in ([*range(returned)], [*range(returned + 1)])
        stats = client.stats()
        assert (stats["lines"], stats["datagrams"]) == (len(found), len(found))
        assert stats["bytes"] == sum(map(len, kernel.taken))
        if not was_interrupted:
            assert len(found) == 6
            return


def test_interrupt_of_a_send_is_sent_again(record: Record, make_emitter: MakeEmitter) -> None:
    client, sent = record(maxudpsize=64)
    emitter, ledger = make_emitter(client)
    attempts = count()

    def send(data: str) -> None:
        if next(attempts) == 1:
            raise KeyboardInterrupt
        sent.append(data)

    client._send = send  # type: ignore[method-assign] # the documented seam
    emitter.add(Batch(counters=[(series, 1, 1) for series in COUNTERS]))
    with pytest.raises(KeyboardInterrupt):
        emitter.flush(1.0)
    held = emitter.pending_weight
    done = emitter.flush(1.0)

    assert (held, done) == (3, True)
    assert (ledger.read().delivered, ledger.read().pending) == (4, 0)
    assert len({line for datagram in sent for line in datagram.split("\n")}) == 4


def test_interrupted_close_drops_and_counts_the_rest(record: Record, make_emitter: MakeEmitter) -> None:
    client, _ = record()
    emitter, ledger = make_emitter(client)

    def send(data: str) -> None:
        raise KeyboardInterrupt

    client._send = send  # type: ignore[method-assign] # the documented seam
    emitter.add(Batch(counters=[(COUNTERS[0], 1, 1)]))
    with pytest.raises(KeyboardInterrupt):
        emitter.close(1.0)

    assert ledger.read().dropped == {DropReason.SHUTDOWN: 1}
    assert emitter.pending_weight == 0
