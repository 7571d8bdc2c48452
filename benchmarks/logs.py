"""Rows 3 and 4: what one log record costs its caller, and how fast and dear records come to a collector on loopback."""

import copy
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import loguru

from benchmarks.bare_shipping import BareShipping
from benchmarks.http_receiver import collecting, lines_at
from benchmarks.measure import Case, Effort, measure
from benchmarks.table import at_least, at_most, print_table
from queue_telemetry import Telemetry
from queue_telemetry._runtime import SYSTEM_CLOCK
from queue_telemetry.logs import LogSink, RecordBuffer, RecordBuilder, Redactor
from queue_telemetry.tasks import record_fields
from queue_telemetry.tasks.workers import Workers

if TYPE_CHECKING:
    from loguru import Logger

__all__ = ["compare_records", "compare_shipping"]

_BUDGET: Final = 1.5
_EXCEPTION_CALLS: Final = 20  # of a round's calls one in so many, since loguru takes ten times as long for it
_CONSTANTS: Final = {"service": "benchmark", "env": "bench", "version": "1", "host": "localhost"}
_NESTED: Final = {"order": {"lines": [1, 2, {"sku": "b"}], "total": 12.5}}

_EMPTY: Final = "empty sink"
_SERIALIZED: Final = "serialize=True"
_OURS: Final = "ours"

_RECORDS: Final = 50_000
_BARE: Final = "bare loop"
_RATE_BUDGET: Final = 0.8

Write = Callable[[int], object]


def compare_records(effort: Effort) -> None:
    """Measure and print row 3: each kind of record by each sink, on the caller's thread alone."""
    buffer = _Replaced()
    loggers = {_EMPTY: _logger(), _SERIALIZED: _logger(), _OURS: _logger()}
    loggers[_EMPTY].add(lambda _: None)
    loggers[_SERIALIZED].add(lambda _: None, serialize=True)
    workers = Workers(SYSTEM_CLOCK)
    builder = RecordBuilder(_CONSTANTS, lambda: record_fields(workers), Redactor())
    buffer.sink = LogSink(builder, buffer.make())
    buffer.sink.attach(loggers[_OURS], "INFO")
    rows = []
    for kind, site in _KINDS.items():
        cases = [Case(name, site(logger), buffer.replace) for name, logger in loggers.items()]
        times = measure(cases, effort, time.thread_time_ns)
        per_call = _EXCEPTION_CALLS if kind == "exception" else 1
        rows.append(
            (
                kind,
                *(f"{times[name] * per_call / 1000:.1f}" for name in loggers),
                *at_most(times[_OURS] / times[_EMPTY], _BUDGET),
            )
        )
    print_table(
        "One log record on the caller's thread: µs, and ours as a multiple of loguru with an empty sink",
        ("", *loggers, "ratio", "budget", ""),
        rows,
    )


def compare_shipping(rounds: int) -> None:
    """Measure and print row 4: records from the first call until the collector has the last."""
    with collecting() as url, TemporaryDirectory() as folder:
        ways = {_BARE: lambda: _ship_bare(url), _OURS: lambda: _ship_ours(url, Path(folder))}
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for number in range(rounds + 1):
            for name, ship in ways.items() if number % 2 else reversed(ways.items()):
                spent = _timed(url, ship)
                if number:  # the first round warms up
                    taken[name].append(spent)
    rate = {name: _RECORDS / statistics.median(wall for wall, _ in spent) for name, spent in taken.items()}
    cpu_us = {
        name: statistics.median(cpu for _, cpu in spent) / _RECORDS * 1e6 for name, spent in taken.items()
    }
    print_table(
        "Shipping to a collector on loopback: records a second, and µs of CPU a record, caller included",
        ("", "records/s", "CPU µs", "rate", "budget", ""),
        [
            (_BARE, f"{rate[_BARE]:.0f}", f"{cpu_us[_BARE]:.1f}", "", "", ""),
            (
                _OURS,
                f"{rate[_OURS]:.0f}",
                f"{cpu_us[_OURS]:.1f}",
                *at_least(rate[_OURS] / rate[_BARE], _RATE_BUDGET),
            ),
        ],
    )


class _Replaced:
    """Gives our sink an empty buffer after each round, outside its price."""

    sink: LogSink

    def make(self) -> RecordBuffer:
        return RecordBuffer(256 * 1024 * 1024, batch_bytes=1024 * 1024, linger_s=1.0, clock=SYSTEM_CLOCK)

    def replace(self) -> None:
        self.sink.buffer = self.make()


def _logger() -> "Logger":
    """Return a logger with handlers of its own, as loguru's documentation shows."""
    loguru.logger.remove()
    return copy.deepcopy(loguru.logger)


def _plain(logger: "Logger") -> Write:
    def work(calls: int) -> None:
        for _ in range(calls):
            logger.info("user {} logged in from {}", 7, "10.0.0.1")  # noqa: PLE1205 - loguru's braces

    return work


def _bound(logger: "Logger") -> Write:
    return _plain(logger.bind(user="bob", order=12))


def _nested(logger: "Logger") -> Write:
    return _plain(logger.bind(**_NESTED))


def _exception(logger: "Logger") -> Write:
    def work(calls: int) -> None:
        for _ in range(calls // _EXCEPTION_CALLS):
            try:
                raise ValueError("bad")  # noqa: TRY301 - what is measured
            except ValueError:
                logger.exception("failed")

    return work


def _secret_key(logger: "Logger") -> Write:
    return _plain(logger.bind(user="bob", password="hunter2"))


def _secret_text(logger: "Logger") -> Write:
    def work(calls: int) -> None:
        for _ in range(calls):
            logger.info("login: user={} password={}", "bob", "hunter2")  # noqa: PLE1205 - the same

    return work


_KINDS: Final[dict[str, Callable[["Logger"], Write]]] = {
    "plain": _plain,
    "two bound keys": _bound,
    "nested": _nested,
    "exception": _exception,
    "secret by its key": _secret_key,
    "secret in its text": _secret_text,
}


def _timed(url: str, ship: Callable[[], None]) -> tuple[float, float]:
    """Return the seconds and the CPU seconds that it took until the collector had every record."""
    before = lines_at(url)
    began_s, cpu_s = time.perf_counter(), time.process_time()
    ship()
    spent = time.perf_counter() - began_s, time.process_time() - cpu_s
    arrived = lines_at(url) - before
    if arrived != _RECORDS:
        raise RuntimeError(f"{arrived} of {_RECORDS} records arrived")
    return spent


def _log() -> None:
    for number in range(_RECORDS):
        loguru.logger.info("user {} logged in from {}", number, "10.0.0.1")


def _ship_bare(url: str) -> None:
    shipping = BareShipping(url)
    loguru.logger.remove()
    handler = loguru.logger.add(shipping, format="{message}", catch=False)
    _log()
    loguru.logger.remove(handler)
    shipping.close()


def _ship_ours(url: str, folder: Path) -> None:
    loguru.logger.remove()
    telemetry = Telemetry(
        capture_logs=True, service="benchmark", log_url=url, task_logs="none", state_dir=folder
    )
    telemetry.health()  # wakes it
    _log()
    if not telemetry.close(60.0):
        raise RuntimeError("not every record was delivered")
