"""The laws of the room: every call is accounted for, and what servers decode is what was measured."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queue_telemetry._runtime import DeliveryLedger, DropReason
from queue_telemetry.metrics import CATALOG, Batch, Series
from queue_telemetry.statsd import DIALECTS, Emitter, StatsClient
from queue_telemetry.statsd._outbox import Outbox
from queue_telemetry.statsd._taken import NONE_TAKEN
from queue_telemetry.statsd._transport import BUSY, SendOutcome

Record = Callable[..., tuple[StatsClient, list[str]]]
MakeEmitter = Callable[..., tuple[Emitter, DeliveryLedger]]
Parse = Callable[[str, str], tuple[str, list[str], str, str, dict[str, str]]]

COUNTERS = [Series(CATALOG["queue.tasks.completed"], (queue, "t" * 40)) for queue in ("a", "b", "q" * 90)]
GAUGES = [Series(CATALOG["queue.size"], ("mail",)), Series(CATALOG["queue.active_workers"])]
TIMERS = [Series(CATALOG["queue.task.wait"], (queue, "")) for queue in ("a", "b")]
AMOUNTS = st.integers(-5, 10**6) | st.floats(allow_nan=True, allow_infinity=True)
DURATIONS = st.floats(-1, 10**6) | st.just(float("nan"))

BATCHES = st.builds(
    Batch,
    counters=st.lists(st.tuples(st.sampled_from(COUNTERS), AMOUNTS, st.integers(0, 5)), max_size=4),
    timings=st.lists(st.tuples(st.sampled_from(TIMERS), st.lists(DURATIONS, max_size=30)), max_size=3),
    gauges=st.lists(st.tuples(st.sampled_from(GAUGES), st.none() | AMOUNTS, st.integers(0, 3)), max_size=3),
    dropped=st.dictionaries(st.sampled_from(DropReason), st.integers(1, 5), max_size=2),
)
OUTCOMES = st.sampled_from([None, None, DropReason.REFUSED, DropReason.UNSENT, DropReason.OVERSIZE])


@settings(deadline=None)
@given(
    st.lists(BATCHES | st.sampled_from([0.0, 0.5]), max_size=10),
    st.lists(OUTCOMES, min_size=1, max_size=5),
    st.sampled_from(sorted(DIALECTS)),
    st.sampled_from([64, 200, 1432]),
    st.sampled_from([None, 0]),
    st.integers(1, 20),
)
def test_every_call_is_delivered_dropped_or_pending(
    record: Record,
    make_emitter: MakeEmitter,
    steps: list[Batch | float],
    outcomes: list[DropReason | None],
    dialect: str,
    limit: int,
    slot: int | None,
    max_samples: int,
) -> None:
    client, _ = record(dialect, maxudpsize=limit)
    sizes: list[int] = []

    def send(data: str) -> DropReason | None:
        sizes.append(len(data.encode()))
        return outcomes[len(sizes) % len(outcomes)]

    client._send = send  # type: ignore[method-assign] # the documented seam
    emitter, ledger = make_emitter(client, slot=slot, max_samples=max_samples)
    added = 0
    for step in steps:
        if isinstance(step, Batch):
            added += step.weight
            emitter.add(step)
        else:
            emitter.flush(step)
        delivery = ledger.read()
        assert delivery.accepted == added
        assert delivery.pending == emitter.pending_weight >= 0
    emitter.close(5.0)

    delivery = ledger.read()
    assert delivery.accepted == added == delivery.delivered + sum(delivery.dropped.values())
    assert delivery.pending == emitter.pending_weight == 0
    assert all(0 < size <= limit for size in sizes)


ANSWERS = st.sampled_from(
    [None, None, None, BUSY, BUSY, DropReason.REFUSED, DropReason.UNSENT, DropReason.OVERSIZE]
)


class Faulty:
    """A socket that is full, refuses or breaks as it was told to, in turn; a stream also takes payloads in part."""

    has_address = True
    refuses_late = True

    def __init__(self, answers: list[SendOutcome], payload_bytes: int, *, stream: bool) -> None:
        self._answers = answers
        self._stream = stream
        self._offered = 0
        self._part: bytes | None = None
        self.payload_bytes = payload_bytes
        self.takes_turns = stream
        self.total = NONE_TAKEN

    @property
    def taken(self) -> int:
        return self.total.datagrams

    @property
    def midway(self) -> bool:
        return self._part is not None

    def send(self, payload: bytes) -> SendOutcome:
        assert 0 < len(payload) <= self.payload_bytes
        if self._part not in {None, payload}:  # the rest of that comes first, else the stream is out of step
            return BUSY
        answer = self._answers[self._offered % len(self._answers)]
        self._offered += 1
        self._part = payload if self._stream and answer is BUSY else None
        if answer is None:
            self.total = self.total.with_one(payload.count(b"\n") + 1, len(payload))
        return answer

    def close(self) -> None: ...

    def forget(self) -> None: ...

    def reset_after_fork(self) -> None: ...


@settings(deadline=None)
@given(
    st.lists(BATCHES | st.sampled_from([0.0, 0.003]), max_size=10),
    st.lists(ANSWERS, min_size=1, max_size=7),
    st.booleans(),
    st.sampled_from([64, 200, 8192]),
    st.integers(1, 3),
)
def test_law_holds_at_any_moment_over_a_socket_that_is_full_refuses_or_breaks(
    make_emitter: MakeEmitter,
    steps: list[Batch | float],
    answers: list[SendOutcome],
    stream: bool,
    limit: int,
    max_waiting: int,
) -> None:
    client = StatsClient("127.0.0.1", dialect=DIALECTS["datadog"])
    client._transport = Faulty(answers, limit, stream=stream)
    client._outbox = Outbox(client._send, client._transport, client._give_up, max_waiting=max_waiting)
    emitter, ledger = make_emitter(client)
    added = 0
    for step in steps:
        if isinstance(step, Batch):
            added += step.weight
            emitter.add(step)
            for number in range(3):  # somebody's calls on the same client come between
                client.incr(f"own.n{number}")
        else:
            emitter.flush(step)
        delivery = ledger.read()
        assert delivery.accepted == added
        assert delivery.pending == emitter.pending_weight >= 0
    emitter.close(0.01)

    delivery = ledger.read()
    assert delivery.accepted == added == delivery.delivered + sum(delivery.dropped.values())
    assert delivery.pending == emitter.pending_weight == 0


@settings(deadline=None)
@given(st.lists(ANSWERS, min_size=1, max_size=7), st.booleans(), st.integers(1, 5), st.integers(0, 30))
def test_every_line_of_calls_by_hand_is_sent_dropped_or_waiting(
    answers: list[SendOutcome], stream: bool, max_waiting: int, calls: int
) -> None:
    client = StatsClient("127.0.0.1", dialect=DIALECTS["datadog"])
    client._transport = Faulty(answers, 8192, stream=stream)
    client._outbox = Outbox(client._send, client._transport, client._give_up, max_waiting=max_waiting)
    for number in range(1, calls + 1):
        client.incr("jobs")
        stats: Any = client.stats()
        waiting = stats["datagrams_waiting"]
        assert stats["lines"] + sum(stats["lines_dropped"].values()) + waiting == number
        assert waiting <= max_waiting
    client.close()

    stats = client.stats()
    assert stats["lines"] + sum(stats["lines_dropped"].values()) == calls
    assert stats["datagrams_waiting"] == 0


SANE_BATCHES = st.builds(
    Batch,
    counters=st.lists(
        st.tuples(st.sampled_from(COUNTERS), st.integers(0, 10**6), st.integers(1, 5)), max_size=4
    ),
    timings=st.lists(st.tuples(st.sampled_from(TIMERS), st.lists(st.floats(0, 100), max_size=9)), max_size=3),
)


@settings(deadline=None, max_examples=30)
@given(st.lists(SANE_BATCHES, min_size=1, max_size=6), st.sampled_from(sorted(DIALECTS)))
def test_sums_at_a_receiver_equal_what_was_added(
    receiver_of_module: Any, make_emitter: MakeEmitter, parse: Parse, batches: list[Batch], dialect: str
) -> None:
    client = StatsClient("127.0.0.1", receiver_of_module.port, dialect=DIALECTS[dialect])
    emitter, _ = make_emitter(client)
    sums: Counter[str] = Counter()  # by the queue's first letter: long values are cut
    durations: list[float] = []
    for batch in batches:
        emitter.add(batch)
        emitter.flush(5.0)
        for series, amount, _ in batch.counters:
            sums[series.values[0][0]] += int(amount)
        durations += [duration for _, values in batch.timings for duration in values]
    client.incr("end.of.test")
    emitter.close(5.0)

    got: Counter[str] = Counter()
    got_durations: list[float] = []
    for datagram in receiver_of_module.take_until(b"end.of.test"):
        for line in datagram.decode().split("\n"):
            name, values, kind, rate, tags = parse(line, dialect)
            assert rate == ""
            if kind == "c" and "end.of" not in name:
                got[(tags.get("queue") or name.split(".")[3])[0]] += int(values[0])
            elif kind in {"ms", "d"}:
                got_durations += [float(value) / (1000 if kind == "ms" else 1) for value in values]
    assert +got == +sums
    assert sorted(got_durations) == pytest.approx(sorted(durations), abs=1e-6)


def node_weight(rate: str) -> float:
    """Source: statsd/statsd stats.js divides by the rate."""
    return 1 / float(rate) if rate else 1.0


def truncated_weight(rate: str) -> float:
    """Source: datadog-agent histogram.go and statsd_exporter's line parser: int(1 / rate)."""
    return int(1 / float(rate)) if rate else 1


@pytest.mark.parametrize("decode", [node_weight, truncated_weight], ids=["node", "agent and exporter"])
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_decoded_weights_of_a_sample_add_up_to_the_calls(
    record: Record,
    make_emitter: MakeEmitter,
    parse: Parse,
    decode: Callable[[str], float],
    data: st.DataObject,
) -> None:
    dialect = data.draw(st.sampled_from(sorted(DIALECTS)))
    max_samples = data.draw(st.integers(1, 40))
    calls = data.draw(st.integers(1, 5000))
    client, sent = record(dialect)
    emitter, ledger = make_emitter(client, max_samples=max_samples)
    emitter.add(Batch(timings=[(TIMERS[0], [0.5] * calls)]))
    emitter.flush(5.0)

    total, kept = 0.0, 0
    for line in "\n".join(sent).split("\n"):
        _, values, _, rate, _ = parse(line, dialect)
        total += decode(rate) * len(values)
        kept += len(values)
    assert total == pytest.approx(calls, rel=1e-9)
    assert min(calls, (max_samples + 1) // 2) <= kept <= max_samples
    assert ledger.read().delivered == calls
