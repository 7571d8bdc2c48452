"""Row 3: what one log record costs its caller, in memory and written ahead, beside loguru with a sink that does nothing."""

import copy
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import loguru

from benchmarks.measure import Case, Effort, measure
from benchmarks.table import at_most, print_table
from queue_telemetry._runtime import SYSTEM_CLOCK
from queue_telemetry.logs import LogSink, RecordBuffer, RecordBuilder, Redactor
from queue_telemetry.logs._write_ahead import WriteAheadBuffer
from queue_telemetry.logs.spool import Spool
from queue_telemetry.tasks import record_fields
from queue_telemetry.tasks.workers import Workers

if TYPE_CHECKING:
    from loguru import Logger

__all__ = ["compare"]

_BUDGET: Final = 1.5
_AHEAD_BUDGET: Final = 1.7
_EXCEPTION_CALLS: Final = 20  # of a round's calls one in so many, since loguru takes ten times as long for it
_CONSTANTS: Final = {"service": "benchmark", "env": "bench", "version": "1", "host": "localhost"}
_NESTED: Final = {"order": {"lines": [1, 2, {"sku": "b"}], "total": 12.5}}

_EMPTY: Final = "empty sink"
_SERIALIZED: Final = "serialize=True"
_OURS: Final = "ours"
_AHEAD: Final = "ours, wal"
_MEMORY_BYTES: Final = 256 * 1024 * 1024

Write = Callable[[int], object]


def compare(effort: Effort) -> None:
    """Measure and print row 3: each kind of record by each sink, on the caller's thread alone."""
    with TemporaryDirectory() as folder, _sinks(Path(folder)) as (loggers, tidy):
        rows = []
        for kind, site in _KINDS.items():
            cases = [Case(name, site(logger), tidy) for name, logger in loggers.items()]
            times = measure(cases, effort, time.thread_time_ns)
            per_call = _EXCEPTION_CALLS if kind == "exception" else 1
            rows.append(
                (
                    kind,
                    *(f"{times[name] * per_call / 1000:.1f}" for name in loggers),
                    *at_most(times[_OURS] / times[_EMPTY], _BUDGET),
                    *at_most(times[_AHEAD] / times[_EMPTY], _AHEAD_BUDGET),
                )
            )
    print_table(
        "One log record on the caller's thread: µs, and ours as a multiple of loguru with an empty sink",
        ("", _EMPTY, _SERIALIZED, _OURS, _AHEAD, "ours", "budget", "", "wal", "budget", ""),
        rows,
    )


@contextmanager
def _sinks(folder: Path) -> Generator[tuple[dict[str, "Logger"], Callable[[], None]]]:
    """Have each sink with a logger of its own, and what empties ours outside of its price."""
    loggers = {name: _logger() for name in (_EMPTY, _SERIALIZED, _OURS, _AHEAD)}
    loggers[_EMPTY].add(lambda _: None)
    loggers[_SERIALIZED].add(lambda _: None, serialize=True)
    spool = Spool(folder, "benchmark", max_bytes=_MEMORY_BYTES, clock=SYSTEM_CLOCK)
    buffers = {_OURS: _buffer(None), _AHEAD: _buffer(spool)}
    for name, buffer in buffers.items():
        workers = Workers(SYSTEM_CLOCK)
        builder = RecordBuilder(_CONSTANTS, partial(record_fields, workers), Redactor())
        LogSink(builder, buffer).attach(loggers[name], "INFO")

    def empty() -> None:
        for buffer in buffers.values():
            buffer.seal()
            while (chunk := buffer.take()) is not None:
                buffer.settle(chunk)

    try:
        yield loggers, empty
    finally:
        empty()
        if buffers[_AHEAD].not_written:
            raise RuntimeError("the disk did not take every record")
        spool.close()


def _buffer(spool: Spool | None) -> RecordBuffer:
    make: Callable[..., RecordBuffer] = (
        RecordBuffer if spool is None else partial(WriteAheadBuffer, spool=spool)
    )
    return make(_MEMORY_BYTES, batch_bytes=1024 * 1024, linger_s=1.0, clock=SYSTEM_CLOCK)


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
