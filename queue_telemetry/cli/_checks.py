"""Compares, number by number, what the demo did with what its receivers got and what the library says of itself."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from queue_telemetry.cli._jobs import QUEUE, TYPES
from queue_telemetry.cli._tally import Tally
from queue_telemetry.testing import Collector, StatsdServer

__all__ = ["PREFIX", "Check", "compare", "sent_datagrams"]

PREFIX = "demo"
_EVENTS = ("enqueued", "claimed", "completed", "failed", "retried")
_OUTCOMES = ("completed", "failed", "retried")


@dataclass(frozen=True, slots=True)
class Check:
    """One number from two sides.

    Attributes:
        what: The metric, the record or the part of the report.
        done: What it should be.
        received: What it is.
    """

    what: str
    done: object
    received: object

    @property
    def equal(self) -> bool:
        """Whether both sides agree."""
        return self.done == self.received


def compare(
    tally: Tally, statsd: StatsdServer, collector: Collector, health: Mapping[str, object]
) -> list[Check]:
    """Return every comparison that the demo makes.

    Args:
        tally: What was done.
        statsd: Where the metrics went.
        collector: Where the records went.
        health: The health report as a dictionary.
    """
    records = collector.records
    return [
        *_metrics(tally, statsd),
        *_records(tally, records),
        Check("StatsD lines refused", [], statsd.refused),
        Check("NDJSON lines refused", [], collector.refused),
        *_health(tally, health),
        *_ledger("statsd", health),
        *_ledger("logs", health, delivered=len(records)),
    ]


def sent_datagrams(health: Mapping[str, object]) -> int:
    """Return how many datagrams the health report says were handed to the kernel; 0 when it does not say."""
    datagrams = _output("statsd", health).get("datagrams")
    return datagrams if isinstance(datagrams, int) else 0


def _metrics(tally: Tally, statsd: StatsdServer) -> Iterator[Check]:
    for type_ in TYPES:
        runs = tally.count("claimed", type_)
        for event in _EVENTS:
            name = f"queue.tasks.{event}"
            received = statsd.counter(f"{PREFIX}.{name}", queue=QUEUE, type=type_)
            yield Check(f"{name} {type_}", tally.count(event, type_), received)
        started = statsd.counter(f"{PREFIX}.queue.tasks.started", queue=QUEUE, type=type_)
        yield Check(f"queue.tasks.started {type_}", runs, started)
        for outcome in _OUTCOMES:
            timings = statsd.timing_count(
                f"{PREFIX}.queue.task.duration_seconds", queue=QUEUE, type=type_, outcome=outcome
            )
            yield Check(f"queue.task.duration {type_} {outcome}", tally.count(outcome, type_), timings)
        waits = statsd.timing_count(f"{PREFIX}.queue.task.wait_seconds", queue=QUEUE, type=type_)
        yield Check(f"queue.task.wait {type_}", runs, waits)
    renders = statsd.timing_count(f"{PREFIX}.render_seconds", template="thumbnail")
    yield Check("render, a timer of the demo's own", tally.count("claimed", "resize_image"), renders)
    empty = statsd.counter(f"{PREFIX}.queue.claims.empty", queue=QUEUE)
    yield Check("queue.claims.empty", tally.count("empty"), empty)
    for gauge in ("queue.size", "queue.active_workers", "jobs_left"):
        yield Check(f"{gauge}, at the end", 0, statsd.gauge(f"{PREFIX}.{gauge}"))
    in_flight = statsd.gauge(f"{PREFIX}.queue.tasks.in_flight")
    yield Check("queue.tasks.in_flight, at the end", 0, in_flight or 0)  # never sent when no flush saw a run


def _records(tally: Tally, records: list[dict[str, object]]) -> Iterator[Check]:
    by_event = Counter((record.get("event"), record.get("task_type")) for record in records)
    attempts: Counter[object] = Counter()
    for record in records:
        attempt = record.get("attempt")
        if record.get("event") in {"task_completed", "task_failed"} and isinstance(attempt, int):
            attempts[record.get("task_type")] += attempt
    for type_ in TYPES:
        for event in _EVENTS:
            yield Check(
                f"records task_{event} {type_}", tally.count(event, type_), by_event[f"task_{event}", type_]
            )
        yield Check(f"attempts in the records {type_}", tally.count("claimed", type_), attempts[type_])
    own = sum(record.get("message") == "the table is locked" and "task_id" in record for record in records)
    yield Check("records of a handler's own", tally.count("retried", "cleanup_runs"), own)
    yield Check("records that came twice", 0, len(records) - len({record["record_id"] for record in records}))


def _health(tally: Tally, health: Mapping[str, object]) -> Iterator[Check]:
    expected: Mapping[str, object] = {
        "status": "healthy",
        "queue_size": 0,
        "active_workers": 0,
        "in_flight": 0,
        "failed_tasks_1h": tally.count("failed"),
        "completed_1h": tally.count("completed"),
        "retried_1h": tally.count("retried"),
    }
    for key, value in expected.items():
        yield Check(f"health {key}", value, health.get(key))


def _ledger(signal: str, health: Mapping[str, object], *, delivered: int | None = None) -> Iterator[Check]:
    ledger = _output(signal, health)
    accepted = ledger.get("accepted") if delivered is None else delivered
    yield Check(f"{signal} delivered", accepted, ledger.get("delivered"))
    yield Check(f"{signal} dropped", {}, ledger.get("dropped"))
    yield Check(f"{signal} pending", 0, ledger.get("pending"))


def _output(signal: str, health: Mapping[str, object]) -> Mapping[str, object]:
    telemetry = health.get("telemetry")
    output = telemetry.get(signal) if isinstance(telemetry, Mapping) else None
    return output if isinstance(output, Mapping) else {}
