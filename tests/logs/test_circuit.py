"""The circuit: when it opens, what a probe is, how it ramps, and what that does for a fleet."""

import heapq
import random
from collections import Counter
from itertools import count

import pytest

from queue_telemetry.logs._circuit import Circuit, CircuitState
from queue_telemetry.logs._retry import RetrySchedule

_FULL = 1024 * 1024
_PROBE = 16 * 1024


def test_a_closed_circuit_lets_whole_batches_through() -> None:
    assert (None, 0.0) == (Circuit(_FULL).allowance_bytes, Circuit(_FULL).succeeded())


@pytest.mark.parametrize(
    ("failures", "state"), [(1, CircuitState.CLOSED), (2, CircuitState.CLOSED), (3, CircuitState.OPEN)]
)
def test_it_opens_at_the_third_failure_in_a_row(failures: int, state: CircuitState) -> None:
    circuit = Circuit(_FULL)

    circuit.failed(failures)

    assert state is circuit.state


def test_an_open_circuit_lets_a_probe_through() -> None:
    circuit = Circuit(_FULL)

    circuit.open()

    assert _PROBE == circuit.allowance_bytes


def test_a_probe_is_never_more_than_a_batch() -> None:
    circuit = Circuit(1024)

    circuit.open()

    assert 1024 == circuit.allowance_bytes


def test_each_success_doubles_what_may_go_until_a_batch_is_whole() -> None:
    circuit = Circuit(_FULL)
    circuit.open()
    allowed = []
    while circuit.state is not CircuitState.CLOSED:
        assert 0 <= circuit.succeeded() <= 1
        allowed.append(circuit.allowance_bytes)

    assert [_PROBE * 2**power for power in range(1, 6)] == allowed[:-1]
    assert allowed[-1] is None


def test_a_failure_on_the_way_up_opens_it_again() -> None:
    circuit = Circuit(_FULL)
    circuit.open()
    circuit.succeeded()

    circuit.failed(1)

    assert (CircuitState.OPEN, _PROBE) == (circuit.state, circuit.allowance_bytes)


class _Fleet:
    """Workers with full buffers before a collector that was down; time is simulated."""

    def __init__(self, workers: int, down_s: float) -> None:
        self.requests: Counter[int] = Counter()
        self.bytes: Counter[int] = Counter()
        self._down_s = down_s
        self._order = count()
        self._due: list[tuple[float, int, RetrySchedule, Circuit]] = []
        for _ in range(workers):
            self._later(random.uniform(0, 1), RetrySchedule(), Circuit(_FULL))

    def _later(self, at_s: float, schedule: RetrySchedule, circuit: Circuit) -> None:
        heapq.heappush(self._due, (at_s, next(self._order), schedule, circuit))

    def run(self, until_s: float) -> None:
        while self._due[0][0] < until_s:
            now_s, _, schedule, circuit = heapq.heappop(self._due)
            size = circuit.allowance_bytes or _FULL
            self.requests[int(now_s)] += 1
            self.bytes[int(now_s)] += size
            if now_s < self._down_s:
                schedule.failed(now_s)
                circuit.failed(schedule.failures)
            else:
                schedule.succeeded(now_s, circuit.succeeded())
            self._later(max(schedule.not_before_s, now_s + 0.1), schedule, circuit)


def test_500_workers_do_not_stampede_a_collector_that_recovers() -> None:
    """In the first seconds it gets a few small requests, where each worker would have sent a whole batch."""
    random.seed(7)
    fleet = _Fleet(workers=500, down_s=600)

    fleet.run(until_s=605)

    outage = [fleet.requests[second] for second in range(300, 600)]
    assert max(outage) <= 50, "full jitter spreads the attempts over a minute"
    assert sum(fleet.requests[second] for second in (600, 601)) <= 100
    offered = sum(fleet.bytes[second] for second in (600, 601, 602))
    assert offered < 500 * _FULL / 20, "a twentieth of what they would have sent at once"
