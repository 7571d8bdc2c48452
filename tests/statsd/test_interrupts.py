"""The law under exceptions that come out of nowhere, as a time limit's do from a signal handler."""

import sys
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from types import FrameType
from typing import Any

import pytest

from queue_telemetry._runtime import DeliveryLedger, DropReason
from queue_telemetry.metrics import CATALOG, Batch, Series
from queue_telemetry.statsd import Emitter, StatsClient

MakeEmitter = Callable[..., tuple[Emitter, DeliveryLedger]]
Record = Callable[..., tuple[StatsClient, list[str]]]

QUEUES = ("a", "b.c", "b_c", "d/e")
COUNTERS = [Series(CATALOG["queue.tasks.completed"], (queue, "t")) for queue in QUEUES]
TIMER = Series(CATALOG["queue.task.wait"], ("a", "t"))
GAUGES = [Series(CATALOG["queue.size"], ("a",)), Series(CATALOG["queue.active_workers"])]
STRIDE = 47  # byte codes between the places tried; each of thousands would take a minute


class Interrupt(BaseException):
    """What the signal handler raises."""


class Kernel:
    """Stands where the socket does; it takes a datagram within one call in C, as a socket does."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.send = self.taken.append

    def close(self) -> None:
        """The client closes it."""


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
        work()
    except Interrupt:
        return True
    finally:
        sys.settrace(before)
    return False


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


@pytest.mark.parametrize("closes", [False, True])
def test_an_exception_at_any_byte_code_loses_nothing_and_counts_nothing_twice(
    make_emitter: MakeEmitter, closes: bool
) -> None:
    for nth in count(1, STRIDE):
        client, kernel = StatsClient("127.0.0.1", 9, maxudpsize=128), Kernel()
        client._transport._socket = kernel  # type: ignore[assignment] # where the kernel begins
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
