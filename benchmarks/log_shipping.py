"""Row 4: how fast and dear records come to a collector on loopback, beside a bare loop and the peers."""

import gc
import logging
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import loguru

from benchmarks.bare_shipping import BareShipping
from benchmarks.http_receiver import MARK, collecting, records_at
from benchmarks.log_peers import Make, logstash, loki, otlp
from benchmarks.table import at_least, at_most, print_table
from queue_telemetry import Telemetry

__all__ = ["compare"]

_BARE: Final = "bare loop"
_OURS: Final = "ours"
_BARE_BUDGET: Final = 0.8
_RATE_BUDGET: Final = 2.0
_CPU_BUDGET: Final = 0.5

_BY_LOGURU: Final = f"user {{}} {MARK} {{}}"
_BY_LOGGING: Final = f"user %s {MARK} %s"
_CALLER: Final = "10.0.0.1"

_MANY: Final = 50_000
_FEWER: Final = 20_000
_FEW: Final = 4_000  # of a peer that takes a quarter of a millisecond for each
_LOKI: Final = "loki-logger-handler"
_PEERS: Final[dict[str, tuple[Make, int]]] = {
    _LOKI: (loki, _FEWER),
    "OpenTelemetry, OTLP/HTTP": (otlp, _FEWER),
    "python-logstash-async": (logstash, _FEW),
}
_TUNED: Final = f"{_LOKI}, by loguru, serialize left out"
"""Its document has `serialize=True`, of which the handler uses nothing."""


Opened = tuple[Callable[[int], object], Callable[[], object]]
"""What logs so many records, and what sends the rest of them."""


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to the collector.

    Attributes:
        records: How many to log.
        open: Opens it, outside of its price: an application does so once.
        is_loguru: Whether they are logged through loguru.
    """

    records: int
    open: Callable[[], Opened]
    is_loguru: bool = True


def compare(rounds: int) -> None:
    """Measure and print row 4: records from the first call until the collector has the last."""
    with collecting() as url, TemporaryDirectory() as folder:
        ways = {
            _BARE: _Way(_MANY, lambda: _open_bare(url)),
            _OURS: _Way(_MANY, lambda: _open_ours(url, Path(folder))),
        }
        for name, (make, records) in _PEERS.items():
            opened = partial(_open_by_loguru, make, url, serialize=name == _LOKI)
            ways[f"{name}, by loguru"] = _Way(records, opened)
            ways[f"{name}, by logging"] = _Way(records, partial(_open_by_logging, make, url), is_loguru=False)
        ways[_TUNED] = _Way(_FEWER, partial(_open_by_loguru, loki, url, serialize=False))
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for number in range(rounds + 1):
            for name, way in ways.items() if number % 2 else reversed(ways.items()):
                spent = _timed(url, way)
                if number:  # the first round warms up
                    taken[name].append(spent)
    rate = {name: 1 / statistics.median(wall for wall, _ in spent) for name, spent in taken.items()}
    cpu_us = {name: 1e6 * statistics.median(cpu for _, cpu in spent) for name, spent in taken.items()}
    print_table(
        "Shipping to a collector on loopback: records a second, and CPU seconds a million records, caller included",
        ("", "records/s", "CPU s"),
        [(name, f"{rate[name]:,.0f}", f"{cpu_us[name]:.1f}") for name in ways],
    )
    _print_budgets(ways, rate, cpu_us)


def _print_budgets(ways: dict[str, _Way], rate: dict[str, float], cpu_us: dict[str, float]) -> None:
    """Print ours against the bare loop, and against the best of the peers behind the same logger, also when tuned."""
    peers = [name for name, way in ways.items() if way.is_loguru and name not in {_BARE, _OURS, _TUNED}]
    fastest = max(peers, key=rate.__getitem__)
    cheapest = min(peers, key=cpu_us.__getitem__)
    print_table(
        "Ours as a multiple of the bare loop and of the best peer behind the same logger",
        ("", "of", "ratio", "budget", ""),
        [
            ("records/s", _BARE, *at_least(rate[_OURS] / rate[_BARE], _BARE_BUDGET)),
            ("records/s", fastest, *at_least(rate[_OURS] / rate[fastest], _RATE_BUDGET)),
            ("CPU a record", cheapest, *at_most(cpu_us[_OURS] / cpu_us[cheapest], _CPU_BUDGET)),
            ("records/s", _TUNED, *at_least(rate[_OURS] / rate[_TUNED], _RATE_BUDGET)),
            ("CPU a record", _TUNED, *at_most(cpu_us[_OURS] / cpu_us[_TUNED], _CPU_BUDGET)),
        ],
    )


def _timed(url: str, way: _Way) -> tuple[float, float]:
    """Return the seconds and the CPU seconds that each record took until the collector had all of them."""
    expected = records_at(url) + way.records
    loguru.logger.remove()
    log, finish = way.open()
    gc.collect()
    began_s, cpu_s = time.perf_counter(), time.process_time()
    log(way.records)
    finish()
    arrived = records_at(url, at_least=expected)
    spent = time.perf_counter() - began_s, time.process_time() - cpu_s
    if arrived != expected:
        raise RuntimeError(f"{arrived - expected + way.records} of {way.records} records arrived")
    return spent[0] / way.records, spent[1] / way.records


def _log(records: int) -> None:
    for number in range(records):
        loguru.logger.info(_BY_LOGURU, number, _CALLER)


def _open_bare(url: str) -> Opened:
    shipping = BareShipping(f"{url}/logs")
    loguru.logger.add(shipping, format="{message}", catch=False)
    return _log, shipping.close


def _open_ours(url: str, folder: Path) -> Opened:
    telemetry = Telemetry(
        capture_logs=True, service="benchmark", log_url=f"{url}/logs", task_logs="none", state_dir=folder
    )
    telemetry.health()  # wakes it

    def finish() -> None:
        if not telemetry.close(60.0):
            raise RuntimeError("not every record was delivered")

    return _log, finish


def _open_by_loguru(make: Make, url: str, *, serialize: bool) -> Opened:
    handler, finish = make(url, is_loguru=True)
    loguru.logger.add(handler, format="{message}", serialize=serialize, catch=False)
    return _log, finish


def _open_by_logging(make: Make, url: str) -> Opened:
    handler, finish = make(url, is_loguru=False)
    logger = logging.getLogger("benchmark")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.handlers = [handler]

    def log(records: int) -> None:
        for number in range(records):
            logger.info(_BY_LOGGING, number, _CALLER)

    return log, finish
