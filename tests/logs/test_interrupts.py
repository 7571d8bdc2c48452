"""The law under exceptions that a signal handler raises, at each byte code where CPython runs one."""

import dis
import sys
import threading
from collections import Counter
from collections.abc import Callable, Generator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import pytest

from queue_telemetry._runtime import Clock
from queue_telemetry.logs import RecordBuffer, Shipper
from queue_telemetry.logs._answer import Answer, Failure
from queue_telemetry.logs._courier import Courier
from queue_telemetry.logs._write_ahead import WriteAheadBuffer
from queue_telemetry.logs.formats import NdjsonFormat
from queue_telemetry.logs.spool import Spool

# An interrupt in a generator's last steps, as of one that lists a folder, has nobody to come to.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

_MAX_BYTES = 400
_LINES = [b"%02d" % number + b"x" * 47 + b"\n" for number in range(14)]
_CHECKED = frozenset({"CALL", "CALL_KW", "CALL_FUNCTION_EX", "RESUME", "JUMP_BACKWARD"})
"""Behind these CPython looks whether a signal came. Source: the uses of CHECK_EVAL_BREAKER in Python/bytecodes.c."""


class Interrupt(BaseException):
    """What the signal handler raises."""


class Collector:
    """Takes each body but the third; nothing of it is a place to raise at, as there is none in a socket."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self._answers = count(1)

    def send(self, body: bytes | bytearray, *, within_s: float) -> Answer:
        if next(self._answers) == 3:
            return Answer(None, Failure.CONNECT)
        self.taken += bytes(body).splitlines(keepends=True)
        return Answer(200, bytes_wire=len(body))

    def enforce_deadline(self) -> None:
        """Nothing takes time."""

    def abort(self) -> None:
        """Nothing takes time."""

    def forget(self) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """Nothing is open."""


class Life:
    """One process's pipeline, without a thread: whoever steps it sends."""

    def __init__(self, folder: Path, mode: str, collector: Collector, owner: object) -> None:
        clock = Clock(lambda: self.now_s, lambda: self.now_s)
        self.now_s = 1000.0
        self.returned = 0
        self.begun = 0
        self.spool = (
            None
            if mode == "memory"
            else Spool(folder, "collector", max_bytes=1 << 20, clock=clock, owner=owner)
        )
        kind: Callable[..., RecordBuffer] = WriteAheadBuffer if mode == "wal" else RecordBuffer
        self.buffer = kind(_MAX_BYTES, batch_bytes=100, linger_s=1.0, clock=clock, spool=self.spool)
        self.buffer.on_wake = self.buffer.relieve  # in place of the thread that stores
        courier = Courier(
            self.buffer, collector, NdjsonFormat(), batch_bytes=100, dead_letters=None, clock=clock
        )
        self.shipper = Shipper(self.buffer, courier, clock=clock, spool=self.spool)

    def log(self, lines: list[bytes]) -> None:
        for index, line in enumerate(lines):
            self.begun += 1
            self.buffer.append(line, severe=index % 3 == 0)
            self.returned += 1

    def run(self) -> None:
        """Log more than memory holds, send, fail, send again, look, and log a little more."""
        self.log(_LINES[:10])
        for _ in range(4):
            self.shipper.step()
        self.shipper.stats()
        self.now_s += 100
        self.log(_LINES[10:])
        self.shipper.step()

    def send_all(self) -> None:
        for _ in range(60):
            self.now_s += 100
            self.shipper.step()

    def check(self) -> None:
        delivery, held, held_bytes = self.buffer.read()
        chunks = self.buffer.history.chunks
        dropped = sum(delivery.dropped.values())
        assert delivery.accepted + delivery.adopted == delivery.delivered + dropped + held
        assert held_bytes == sum(len(chunk.data) for chunk in chunks)
        assert len({id(chunk) for chunk in chunks}) == len(chunks)
        for chunk in chunks:
            assert not chunk.data or chunk.disk or chunk.data.count(b"\n") == chunk.records
        assert self.buffer.history.in_flight is None
        assert self.returned <= delivery.accepted <= self.begun
        assert _another_thread(lambda: self.buffer.append(b"another\n"))
        self.begun += 1
        self.returned += 1


def _another_thread(action: Callable[[], None]) -> bool:
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(5)
    return not thread.is_alive()


def _interrupted(nth: int, work: Callable[[], object], kept: list[BaseException], *also_in: str) -> bool:
    """Do *work* and raise at the nth place in the room where a signal handler can; tell whether it came that far.

    The exception is kept, with all the frames that it holds. Other files, by the end of their names, count as the room.
    """
    left = nth
    before: dict[int, str] = {}

    def trace(frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal left
        name = frame.f_code.co_filename
        if "/queue_telemetry/" not in name and not name.endswith(("contextlib.py", *also_in)):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            is_place = before.get(id(frame)) in _CHECKED
            before[id(frame)] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            left -= is_place
            if is_place and left == 0:
                raise Interrupt
        elif event == "return":
            before.pop(id(frame), None)
        return trace

    outer = sys.gettrace()
    sys.settrace(trace)
    try:
        next(_contained(work))
    except Interrupt as error:
        kept.append(error)
        return True
    finally:
        sys.settrace(outer)
    return False


def _contained(work: Callable[[], object]) -> Generator[object]:
    """Do *work* where the exception that is being handled at the interrupt stays behind: a generator has its own."""
    yield work()


# Places between those that are tried: each of thousands takes milliseconds.
@pytest.mark.parametrize(("mode", "stride"), [("memory", 7), ("spill", 17), ("wal", 23)])
@pytest.mark.parametrize("first", range(3))
def test_an_exception_wherever_a_signal_handler_runs_costs_at_most_the_record_of_its_call(
    mode: str, stride: int, first: int
) -> None:
    for nth in count(1 + first * 2, stride):
        with TemporaryDirectory() as name:
            collector, owner, kept = Collector(), object(), list[BaseException]()
            life = Life(Path(name) / "spool", mode, collector, owner)
            was_interrupted = _interrupted(nth, life.run, kept)
            life.check()
            life.send_all()

            delivery, held, held_bytes = life.buffer.read()
            times = Counter(collector.taken)
            assert (0, 0) == (held, held_bytes)
            assert delivery.delivered <= times.total() <= delivery.delivered + 2 * was_interrupted
            assert times.total() - len(times) <= 2 * was_interrupted, (
                "what was sent when it came, and no more"
            )
            assert life.begun - len(times) <= sum(delivery.dropped.values()) + was_interrupted
            if mode != "memory":
                assert {} == delivery.dropped
            life.shipper.close(1.0)
            left = [segment.stat().st_size for segment in Path(name).rglob("*.seg")]
            assert not any(left), "nothing comes again after a restart"
        if not was_interrupted:
            return


@pytest.mark.parametrize(("mode", "stride"), [("memory", 1), ("spill", 5), ("wal", 5)])
def test_an_exception_in_close_leaves_or_counts_every_record(mode: str, stride: int) -> None:
    for nth in count(1, stride):
        with TemporaryDirectory() as name:
            collector, owner, kept = Collector(), object(), list[BaseException]()
            life = Life(Path(name) / "spool", mode, collector, owner)
            life.log(_LINES[:5])

            was_interrupted = _interrupted(nth, life.buffer.abandon, kept)
            life.check()
            life.shipper.close(0.0)
            delivery, held, _ = life.buffer.read()
            delivered = delivery.delivered
            assert (6, 6) == (delivery.accepted, delivered + sum(delivery.dropped.values()) + held)
            successor = Life(Path(name) / "spool", mode, collector, owner)
            successor.send_all()

            assert held == successor.buffer.read()[0].delivered
            assert delivered + held == len(collector.taken) == len(set(collector.taken))
            assert set(_LINES[:5]) <= set(collector.taken) or mode == "memory"
            successor.shipper.close(1.0)
        if not was_interrupted:
            return


def test_an_exception_in_flush_leaves_the_thread_and_the_next_flush_working(tmp_path: Path) -> None:
    for nth in count(1, 17):
        life, kept = Life(tmp_path, "memory", Collector(), object()), list[BaseException]()
        life.log(_LINES[:1])
        life.shipper.start()

        was_interrupted = _interrupted(nth, lambda life=life: life.shipper.flush(0.01), kept, "/threading.py")  # type: ignore[misc]  # a default is no argument
        life.log(_LINES[1:2])

        assert life.shipper.flush(10)
        life.check()
        life.shipper.close(1.0)
        if not was_interrupted:
            return
