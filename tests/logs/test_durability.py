"""Workers are killed at any moment, with the collector up, slow, down or flapping: what a call returned for arrives."""

import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from queue_telemetry.testing import Collector

# Each worker is a fork of one process that has loaded the library, as in a prefork server; the parent kills it.
_LAUNCHER = """
import os, random, signal, sys, time
from loguru import logger
logger.remove()
import queue_telemetry as qt
qt.flush  # loads the library, as decorating a task does before any fork

def log(number):
    logger.info("said", n=number, by=os.getpid())
    return b"%d %d\\n" % (os.getpid(), number)

def work(said):
    qt.configure()
    number = 0
    while True:
        os.write(said, log(number))
        number += 1

def killed():
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            work(write_end)
        finally:
            os._exit(4)
    os.close(write_end)
    said = os.read(read_end, 1 << 16)
    time.sleep(random.random() * 0.05)
    os.kill(pid, signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    while more := os.read(read_end, 1 << 16):
        said += more
    os.close(read_end)
    return said

def closes():
    qt.configure()
    os.write(1, b"".join(log(number) for number in range(1000)))
    qt.close(timeout_s=1.0)

def inherits():
    qt.configure()
    os.write(1, log(0))
    sys.stdin.buffer.readline()
    os._exit(0 if qt.close(timeout_s=5.0) else 3)

def forked(task):
    pid = os.fork()
    if pid == 0:
        try:
            task()
            os._exit(0)
        finally:
            os._exit(4)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

for task in sys.argv[1:]:
    if task == "killed":
        os.write(1, killed())
    else:
        assert forked(globals()[task]) == 0
os.write(1, b"over\\n")
sys.stdin.buffer.readline()
sys.exit(forked(inherits))
"""


class Door:
    """A port in front of a collector: open it passes connections on, shut it breaks them as a dead host's would."""

    def __init__(self, collector_url: str) -> None:
        self._target = ("127.0.0.1", int(collector_url.rpartition(":")[2].partition("/")[0]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/logs"
        self.is_open = True
        self._settled = threading.Event()
        self._inside: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def shut(self) -> None:
        self.is_open = False
        for end in tuple(self._inside):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        self.is_open = True

    def settle(self) -> None:
        """Stay open from now on."""
        self._settled.set()
        for thread in self._threads[1:]:
            if thread.name == "flapping":
                thread.join(5)
        self.open()

    def flap(self) -> None:
        """Open and shut until `settle`, a moment each."""

        def work() -> None:
            while not self._settled.wait(0.03):
                self.shut() if self.is_open else self.open()

        self._threads.append(threading.Thread(target=work, name="flapping"))
        self._threads[-1].start()

    def end(self) -> None:
        self._settled.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.shut()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self.is_open:
                near.close()
                continue
            far = socket.create_connection(self._target)
            self._inside += [near, far]
            for source, sink in ((near, far), (far, near)):
                self._threads.append(threading.Thread(target=self._pass_on, args=(source, sink)))
                self._threads[-1].start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Launcher:
    """The process that forks workers."""

    def __init__(self, tasks: list[str], url: str, durability: str, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _LAUNCHER, *tasks],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={
                **os.environ,
                "QUEUE_TELEMETRY_LOG_URL": url,
                "QUEUE_TELEMETRY_LOG_DURABILITY": durability,
                "QUEUE_TELEMETRY_LOG_SPOOL_DIR": str(folder / "spool"),
                "QUEUE_TELEMETRY_LOG_LINGER_S": "0.01",
                "QUEUE_TELEMETRY_STATE_DIR": str(folder / "state"),
            },
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout

    def said(self) -> list[tuple[int, int]]:
        """Return the workers' process ids and numbers of all records whose call returned."""
        lines = []
        while (line := self._out.readline()) != b"over\n":
            assert line, "the launcher came to an end"
            lines.append(line.split())
        return [(int(pid), int(number)) for pid, number in lines]

    def inherit(self) -> tuple[int, int]:
        """Have one more worker take over what is left, and return what it says."""
        self._in.write(b"\n")
        self._in.flush()
        pid, number = self._out.readline().split()
        return int(pid), int(number)

    def end(self) -> int:
        self._in.write(b"\n")
        self._in.flush()
        return self._process.wait(15)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)
        for stream in (self._in, self._out):
            with suppress(BrokenPipeError):
                stream.close()


Launch = Callable[[list[str], str], Launcher]


@pytest.fixture
def collector() -> Iterator[Collector]:  # the one that users get
    with Collector() as server:
        yield server


@pytest.fixture
def door(collector: Collector) -> Iterator[Door]:
    made = Door(collector.url)
    yield made
    made.end()


@pytest.fixture
def launch(door: Door, tmp_path: Path) -> Iterator[Launch]:
    with ExitStack() as stack:

        def start(tasks: list[str], durability: str) -> Launcher:
            made = Launcher(tasks, door.url, durability, tmp_path)
            stack.callback(made.kill)
            return made

        yield start


def _named(batch: list[dict[str, object]]) -> list[tuple[int, int]]:
    """Return what came in a batch, by process id and number."""
    return [(int(str(record["by"])), int(str(record["n"]))) for record in batch if "n" in record]


def _batches_repeated(batches: list[list[tuple[int, int]]]) -> int:
    """Count the batches of which something came once more later."""
    first: dict[tuple[int, int], int] = {}
    repeated = set()
    for index, batch in enumerate(batches):
        for record in batch:
            if first.setdefault(record, index) != index:
                repeated.add(first[record])
    return len(repeated)


def _settle(
    collector: Collector, launcher: Launcher, said: list[tuple[int, int]], timeout_s: float = 10.0
) -> list[list[tuple[int, int]]]:
    """Have what is left taken over, and return batch by batch what came until all of *said* did."""
    missing = {*said, launcher.inherit()}
    batches: list[list[tuple[int, int]]] = []

    def all_came() -> bool:
        for batch in map(_named, collector.batches[len(batches) :]):
            batches.append(batch)
            missing.difference_update(batch)
        return not missing

    assert collector.wait_until(all_came, timeout_s), f"{len(missing)} of {len(said)} are missing"
    assert 0 == launcher.end()
    all_came()
    return batches


def _check(batches: list[list[tuple[int, int]]], said: list[tuple[int, int]], kills: int) -> None:
    """Check what holds of all that arrived: nothing invented, duplicates bounded, each process in its order."""
    came = list(dict.fromkeys(record for batch in batches for record in batch))
    beyond = Counter(pid for pid, _ in set(came) - set(said))
    assert set(beyond.values()) <= {1}  # a call that had not returned, or the heir's own
    assert _batches_repeated(batches) <= kills
    for pid in {pid for pid, _ in came}:
        numbers = [number for by, number in came if by == pid]
        assert sorted(numbers) == numbers


@pytest.mark.parametrize("kills", [3, pytest.param(12, marks=pytest.mark.acceptance)])
@pytest.mark.parametrize("weather", ["up", "slow", "down", "flapping"])
def test_all_whose_call_returned_arrive_though_their_processes_are_killed(
    collector: Collector, door: Door, launch: Launch, weather: str, kills: int
) -> None:
    if weather == "slow":
        collector.answer(*[200] * 100, delay_s=0.03)
    elif weather == "down":
        door.shut()
    elif weather == "flapping":
        door.flap()
    launcher = launch(["killed"] * kills, "wal")
    said = launcher.said()
    if weather == "down":
        assert [] == collector.records
    door.settle()

    batches = _settle(collector, launcher, said)

    _check(batches, said, kills)


@pytest.mark.parametrize("durability", ["spill", "wal"])
def test_what_a_closed_process_could_not_send_arrives_once(
    collector: Collector, door: Door, launch: Launch, durability: str
) -> None:
    door.shut()
    launcher = launch(["closes", "closes"], durability)
    said = launcher.said()
    assert 2000 == len(said)
    door.open()

    batches = _settle(collector, launcher, said)

    assert 2001 == sum(len(batch) for batch in batches)


def test_a_killed_process_that_spills_leaves_nothing_that_hinders_the_next(
    collector: Collector, door: Door, launch: Launch
) -> None:
    door.shut()
    launcher = launch(["killed"] * 3, "spill")
    said = launcher.said()
    door.open()

    batches = _settle(collector, launcher, [])

    _check(batches, said, 3)


@pytest.mark.acceptance
@pytest.mark.timeout(300)
def test_two_hundred_kills_under_a_flapping_collector(
    collector: Collector, door: Door, launch: Launch
) -> None:
    door.flap()
    launcher = launch(["killed"] * 200, "wal")
    said = launcher.said()
    door.settle()

    batches = _settle(collector, launcher, said, 120.0)

    _check(batches, said, 200)
