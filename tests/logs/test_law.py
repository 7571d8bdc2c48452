"""The law of accounting, over any life of a buffer and those that follow it on the same spool."""

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from queue_telemetry._runtime import Clock, DropReason
from queue_telemetry.logs import RecordBuffer
from queue_telemetry.logs._bisection import Bisection
from queue_telemetry.logs._chunk import Chunk
from queue_telemetry.logs._split import halves_by_bytes, halves_by_records, lines_of, pick
from queue_telemetry.logs._write_ahead import WriteAheadBuffer
from queue_telemetry.logs.spool import Spool

_MAX_BYTES = 300
_LONGEST_LINE = 40


class Lives(RuleBasedStateMachine):
    """One process after another: records are logged, sent, refused, split, stored, left behind, taken over.

    What the collector stored is kept by content, to be compared with the counts of all lives.
    """

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._now_s = 1000.0
        self._clock = Clock(monotonic=lambda: self._now_s, time=lambda: self._now_s)
        self._appended = 0
        self._stored: Counter[bytes] = Counter()
        self._past: Counter[str] = Counter()
        self._left = 0
        self._come_again = 0
        self._flying: Chunk | None = None
        self._spool: Spool | None = None
        self._bisection = Bisection()
        self._owner = object()

    @initialize(
        mode=st.sampled_from(["memory", "spill", "wal"]), spool_bytes=st.sampled_from([1 << 24, 3_000])
    )
    def configure(self, mode: str, spool_bytes: int) -> None:
        self._mode = mode
        self._spool_bytes = spool_bytes
        self._begin()

    def _begin(self) -> None:
        self._now_s += 1  # spools are adopted in the order of their beginning
        if self._mode != "memory":
            self._spool = Spool(
                Path(self._folder.name) / "spool",
                "collector",
                max_bytes=self._spool_bytes,
                clock=self._clock,
                owner=self._owner,
            )
        kind: Callable[..., RecordBuffer] = WriteAheadBuffer if self._mode == "wal" else RecordBuffer
        self._buffer = kind(
            _MAX_BYTES,
            batch_bytes=100,
            max_records=8,
            linger_s=1.0,
            clock=self._clock,
            max_age_s=5_000.0,
            spool=self._spool,
        )

    @rule(size=st.integers(8, _LONGEST_LINE), severe=st.booleans(), times=st.integers(1, 6))
    def append(self, size: int, severe: bool, times: int) -> None:
        for _ in range(times):
            self._appended += 1
            self._buffer.append(b"%d" % self._appended + b"." * (size - 7) + b"\n", severe)

    @rule(seconds=st.sampled_from([0.1, 2.0, 3_000.0]))
    def wait(self, seconds: float) -> None:
        self._now_s += seconds
        self._buffer.seal_due()

    @rule()
    def seal(self) -> None:
        self._buffer.seal()

    @rule()
    def store(self) -> None:
        self._buffer.store_next()

    @precondition(lambda self: self._flying is None)
    @rule(max_bytes=st.sampled_from([None, 10, 50, 90]))
    def take(self, max_bytes: int | None) -> None:
        self._flying = self._buffer.take(max_bytes)
        if self._flying is not None:
            assert self._flying.records == len(lines_of(self._flying.data))

    @precondition(lambda self: self._flying is not None)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        chunk, self._flying = self._flying, None
        assert chunk is not None
        lines = lines_of(chunk.data)
        fates = data.draw(st.lists(st.sampled_from("dra"), min_size=len(lines), max_size=len(lines)))
        again = [index for index, fate in enumerate(fates) if fate == "a"]
        parts = [pick(chunk, lines, again)] if again else []
        for part in parts:
            part.suspect = None
        taken = [line for line, fate in zip(lines, fates, strict=True) if fate == "d"]
        if self._buffer.settle(chunk, {DropReason.REJECTED: fates.count("r")}, parts):
            self._stored.update(taken)

    @precondition(lambda self: self._flying is not None)
    @rule()
    def deliver(self) -> None:
        chunk, self._flying = self._flying, None
        assert chunk is not None
        lines = lines_of(chunk.data)
        self._bisection.taken(chunk)
        if self._buffer.settle(chunk):
            self._stored.update(lines)

    @precondition(lambda self: self._flying is None)
    @rule(times=st.integers(1, 4), max_bytes=st.sampled_from([None, 60]))
    def send(self, times: int, max_bytes: int | None) -> None:
        for _ in range(times):
            self.take(max_bytes)
            if self._flying is not None:
                self.deliver()

    @precondition(lambda self: self._flying is not None)
    @rule(last=st.booleans())
    def fail(self, last: bool) -> None:
        chunk, self._flying = self._flying, None
        assert chunk is not None
        self._buffer.give_back(chunk, last=last)

    @precondition(lambda self: self._flying is not None and self._flying.records > 1)
    @rule(searched=st.booleans())
    def halve(self, searched: bool) -> None:
        chunk, self._flying = self._flying, None
        assert chunk is not None
        if searched:
            halves = halves_by_records(chunk)
            self._bisection.suspect(chunk, halves, unsent=chunk.suspect is not None)
        else:
            self._bisection.release(chunk)
            halves = halves_by_bytes(chunk)
        self._buffer.settle(chunk, again=halves)

    @rule()
    def adopt(self) -> None:
        places = None if self._spool is None else self._spool.adopt(batch_bytes=100, max_records=8)
        self._buffer.adopt(places or [])

    @rule()
    def begin_anew(self) -> None:
        """End this process in good order, and let the next one take over."""
        self._end()
        self._begin()
        if self._spool is None:
            return
        while (places := self._spool.adopt(batch_bytes=100, max_records=8)) is not None:
            self._buffer.adopt(places)
        adopted = self._buffer.read()[0].adopted
        assert adopted >= self._left
        self._come_again += adopted - self._left

    def _end(self) -> None:
        self._buffer.refuse()
        self._buffer.abandon()
        self._flying = None
        delivery, held, held_bytes = self._buffer.read()
        assert (0, held) == (held_bytes, delivery.pending)
        self._left = held
        self._past["delivered"] += delivery.delivered
        self._past["dropped"] += sum(delivery.dropped.values())
        if self._spool is not None:
            self._spool.close()

    @invariant()
    def the_law_holds(self) -> None:
        if not hasattr(self, "_buffer"):
            return
        delivery, held, held_bytes = self._buffer.read()
        dropped = sum(delivery.dropped.values())
        assert delivery.accepted + delivery.adopted == delivery.delivered + dropped + held
        assert held == delivery.pending
        assert held_bytes <= _MAX_BYTES + _LONGEST_LINE
        assert held_bytes == sum(len(chunk.data) for chunk in self._buffer.history.chunks)

    @invariant()
    def every_record_is_stored_or_counted(self) -> None:
        """And once, but for those that come again after a restart, since they were settled out of their order."""
        if not hasattr(self, "_buffer"):
            return
        delivery, held, _ = self._buffer.read()
        delivered = self._past["delivered"] + delivery.delivered
        dropped = self._past["dropped"] + sum(delivery.dropped.values())
        assert delivered == self._stored.total()
        assert self._appended + self._come_again == delivered + dropped + held
        assert self._appended - len(self._stored) <= dropped + held
        assert self._stored.total() - len(self._stored) <= self._come_again

    def teardown(self) -> None:
        if hasattr(self, "_buffer"):
            self._end()
        self._folder.cleanup()


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)


@pytest.fixture
def full(make_buffer: Any) -> RecordBuffer:
    buffer: RecordBuffer = make_buffer(max_bytes=100, batch_bytes=50)
    for number in range(20):
        buffer.append(b"%04d\n" % number, severe=number % 5 == 0)
    return buffer


def _drain(buffer: RecordBuffer) -> list[bytes]:
    buffer.seal()
    lines = []
    while (chunk := buffer.take()) is not None:
        lines += lines_of(chunk.data)
        buffer.settle(chunk)
    return lines


def test_records_of_error_and_above_go_last(full: RecordBuffer) -> None:
    for number in range(100, 200):
        full.append(b"%04d\n" % number)

    kept = _drain(full)

    assert [b"0000\n", b"0005\n", b"0010\n", b"0015\n"] == kept[:4]
    assert [b"%04d\n" % number for number in range(200 - len(kept) + 4, 200)] == kept[4:]


def test_errors_make_room_for_errors_oldest_first_and_for_nothing_else(full: RecordBuffer) -> None:
    for number in range(100, 130):
        full.append(b"%04d\n" % number, severe=True)
    full.append(b"info\n")

    kept = _drain(full)

    assert all(100 <= int(line) for line in kept)
    assert b"0129\n" == kept[-1]
    assert 51 == 20 + 30 + 1 == len(kept) + full.read()[0].dropped[DropReason.OVERFLOW]
