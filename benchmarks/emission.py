"""What many tasks put on the wire and what that costs: datagrams, bytes and CPU, beside the peers doing the same."""

import socket
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, Self

from benchmarks import peers
from benchmarks.call_site import function_calls
from benchmarks.measure import Case, Effort, measure
from benchmarks.ours import EVERY_SAMPLE, emit, measured
from benchmarks.table import print_table
from queue_telemetry import Telemetry

__all__ = ["compare"]

_TASKS_A_FLUSH: Final = 2_000  # a worker of 1,000 tasks a second, and the default interval of 2 s
_TASKS_A_DRAIN: Final = 20  # the smallest usual receive buffer holds 277 datagrams; a task of a peer is 5
_LARGEST_DATAGRAM_BYTES: Final = 65_536
_BUFFER_BYTES: Final = 4 * 1024 * 1024  # the kernel gives what it allows
_PLAIN: Final = "ours, statsd dialect"
_PACKED: Final = "ours, datadog dialect"


def _nop() -> None: ...


def compare(port: int, effort: Effort) -> None:
    """Measure and print packets, bytes and CPU of as many tasks as a round has."""
    with _Counter() as counter, _tasks(counter.port) as tasks:
        sent = {name: _count(task, effort.calls, counter) for name, task in tasks.items()}
    with _tasks(port) as tasks:
        times = measure([Case(name, _rounds(*task)) for name, task in tasks.items()], effort)
    print_table(
        f"{effort.calls:,} tasks, sent every {_TASKS_A_FLUSH:,}",
        ("", "datagrams", "bytes", "ms of CPU", "ratio"),
        [
            (
                name,
                f"{datagrams:,}",
                f"{size_bytes:,}",
                f"{times[name] * effort.calls / 1e6:,.0f}",
                f"{times[name] / times[_PLAIN]:.2f}x",
            )
            for name, (datagrams, size_bytes) in sent.items()
        ],
    )


@contextmanager
def _tasks(port: int) -> Generator[dict[str, peers.Task]]:
    """Have every client send to *port*."""
    with ExitStack() as stack:
        yield {
            _PLAIN: _ours(stack.enter_context(measured(port, max_samples=EVERY_SAMPLE))),
            _PACKED: _ours(stack.enter_context(measured(port, dialect="datadog", max_samples=EVERY_SAMPLE))),
            "statsd, long-lived pipeline": peers.statsd_pipeline_task(port, _nop),
            "datadogpy, aggregated and buffered": peers.datadog_task(
                stack.enter_context(peers.aggregating_client(port)), _nop
            ),
            "statsd as it comes": peers.statsd_task(port, _nop),
        }


def _ours(telemetry: Telemetry) -> peers.Task:
    return telemetry.task(_nop), lambda: emit(telemetry)


def _rounds(task: Callable[[], object], finish: Callable[[], object]) -> Callable[[int], None]:
    """Return what runs tasks and sends what they left as often as a worker would."""
    run_tasks = function_calls(task)

    def work(calls: int) -> None:
        for _ in range(0, calls, _TASKS_A_FLUSH):
            run_tasks(min(calls, _TASKS_A_FLUSH))
            finish()

    return work


def _count(task: peers.Task, calls: int, counter: "_Counter") -> tuple[int, int]:
    """Return the datagrams and bytes of *calls* tasks."""
    run, finish = task
    run_tasks = function_calls(run)
    counter.drain()
    counter.datagrams = counter.bytes = 0
    for start in range(0, calls, _TASKS_A_DRAIN):
        run_tasks(_TASKS_A_DRAIN)
        if (start + _TASKS_A_DRAIN) % _TASKS_A_FLUSH == 0:
            finish()
        counter.drain()
    return counter.datagrams, counter.bytes


class _Counter:
    """A receiver that counts what is in its buffer: on loopback a datagram is there when its sending returns.

    Attributes:
        port: On 127.0.0.1.
        datagrams: Received so far.
        bytes: Received so far.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port = int(self._socket.getsockname()[1])
        self.datagrams = self.bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.drain()
        lost = self._lost()
        self._socket.close()
        if lost:
            raise RuntimeError(f"{lost} datagrams were sent and not counted")

    def drain(self) -> None:
        """Count what has come."""
        buffer = bytearray(_LARGEST_DATAGRAM_BYTES)
        try:
            while True:
                self.bytes += self._socket.recv_into(buffer)
                self.datagrams += 1
        except BlockingIOError:
            return

    def _lost(self) -> int:
        """Return the datagrams that the buffer had no room for, which the kernel counts in the last column."""
        rows = (row.split() for row in Path("/proc/self/net/udp").read_text().splitlines()[1:])
        return next(int(row[-1]) for row in rows if row[1].endswith(f":{self.port:04X}"))
