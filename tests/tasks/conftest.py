"""A telemetry of its own for each test, and what its tasks counted."""

import socket
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from loguru import logger

from queue_telemetry.api import Telemetry
from queue_telemetry.metrics import Batch
from queue_telemetry.settings import load

Make = Callable[..., Telemetry]


@pytest.fixture(scope="session")
def unread_port() -> Iterator[int]:
    """A UDP port where datagrams are welcome and nobody reads them."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        yield receiver.getsockname()[1]


class _Tally:
    """What the collections of one telemetry brought."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self.counters: Counter[tuple[str, ...]] = Counter()
        self.timings: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
        telemetry._registry.add_source(self._add)

    def _add(self, batch: Batch) -> None:
        for series, amount, _ in batch.counters:
            self.counters[(series.metric.name, *series.values)] += int(amount)
        for series, values in batch.timings:
            self.timings[(series.metric.name, *series.values)] += values


@pytest.fixture
def tallies() -> dict[Telemetry, _Tally]:
    return {}


@pytest.fixture
def make_telemetry(unread_port: int, tmp_path: Path, tallies: dict[Telemetry, _Tally]) -> Iterator[Make]:
    """Makes telemetries by settings, and closes them."""

    def make(**settings: object) -> Telemetry:
        defaults = {
            "statsd_host": "127.0.0.1",
            "statsd_port": unread_port,
            "state_dir": str(tmp_path / "state"),
        }
        telemetry = Telemetry(load(**{**defaults, **settings}))
        tallies[telemetry] = _Tally(telemetry)
        return telemetry

    yield make
    for telemetry in tallies:
        telemetry.close(1.0)


@pytest.fixture
def telemetry(make_telemetry: Make) -> Telemetry:
    """One without lifecycle records: its tasks may take the short way."""
    telemetry = make_telemetry()
    telemetry._wake()
    return telemetry


@pytest.fixture
def general(make_telemetry: Make) -> Telemetry:
    """One with lifecycle records: its tasks go the general way."""
    telemetry = make_telemetry(task_logs="all")
    telemetry._wake()
    return telemetry


@pytest.fixture
def series_of(tallies: dict[Telemetry, _Tally]) -> Callable[[Telemetry], dict[tuple[str, ...], int]]:
    """Tells every counter so far, by (name, *tag values)."""

    def read(telemetry: Telemetry) -> dict[tuple[str, ...], int]:
        telemetry._collect()
        return {key: amount for key, amount in tallies[telemetry].counters.items() if amount}

    return read


@pytest.fixture
def counts_of(
    series_of: Callable[[Telemetry], dict[tuple[str, ...], int]],
) -> Callable[[Telemetry, str], dict[str, int]]:
    """Tells the counts of one task type that are not 0, in flight among them."""

    def read(telemetry: Telemetry, task_type: str) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for (name, *values), amount in series_of(telemetry).items():
            if name.startswith("queue.tasks.") and values[1] == task_type:
                counts[name.removeprefix("queue.tasks.")] += amount
        in_flight = sum(
            series.in_flight() for series in telemetry._tracker._series.values() if series.type == task_type
        )
        return dict(counts) | ({"in_flight": in_flight} if in_flight else {})

    return read


@pytest.fixture
def timings_of(tallies: dict[Telemetry, _Tally]) -> Callable[[Telemetry], dict[tuple[str, ...], list[float]]]:
    """Tells every duration so far in seconds, by (name, *tag values)."""

    def read(telemetry: Telemetry) -> dict[tuple[str, ...], list[float]]:
        telemetry._collect()
        return dict(tallies[telemetry].timings)

    return read


@pytest.fixture
def records() -> Iterator[list[dict[str, object]]]:
    """What a user's own loguru sink gets, in place of loguru's default one."""
    seen: list[dict[str, object]] = []

    def sink(message: object) -> None:
        record = message.record  # type: ignore[attr-defined] # loguru's Message is known to its stubs only
        seen.append(
            {
                "level": record["level"].name,
                "message": record["message"],
                "name": record["name"],
                "function": record["function"],
                "line": record["line"],
                "exception": record["exception"],
                **record["extra"],
            }
        )

    logger.remove()
    handler_id = logger.add(sink, level="DEBUG", format="{message}", catch=False)
    yield seen
    logger.remove(handler_id)
