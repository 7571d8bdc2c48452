"""The demo's comparisons hold for a world without loss, and each loss shows in the one that is about it."""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from queue_telemetry.cli._checks import Check, compare
from queue_telemetry.cli._tally import Tally
from queue_telemetry.testing import Collector, StatsdServer

TAGS = "queue:demo,type:send_email"
LINES = [
    *(f"demo.queue.tasks.{event}:1|c|#{TAGS}" for event in ("enqueued", "claimed", "started", "completed")),
    f"demo.queue.task.duration_seconds:0.5|d|#{TAGS},outcome:completed",
    f"demo.queue.task.wait_seconds:0.1|d|#{TAGS}",
    *(
        f"demo.{gauge}:0|g"
        for gauge in ("queue.size", "queue.active_workers", "queue.tasks.in_flight", "jobs_left")
    ),
]
RECORDS: list[dict[str, object]] = [
    {"event": f"task_{event}", "task_type": "send_email", "attempt": 1, "record_id": event}
    for event in ("enqueued", "claimed", "completed")
]
LEDGER: Mapping[str, object] = {"accepted": 10, "delivered": 10, "dropped": {}, "pending": 0}
HEALTH: Mapping[str, Any] = {
    "status": "healthy",
    "queue_size": 0,
    "active_workers": 0,
    "in_flight": 0,
    "failed_tasks_1h": 0,
    "completed_1h": 1,
    "retried_1h": 0,
    "telemetry": {"statsd": LEDGER, "logs": {**LEDGER, "accepted": 3, "delivered": 3}},
}


@pytest.fixture
def statsd() -> Iterator[StatsdServer]:
    with StatsdServer(dialect="datadog") as server:
        yield server


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def tally() -> Tally:
    tally = Tally(tasks=1)
    for event in ("enqueued", "claimed", "completed"):
        tally.add(event, "send_email")
    return tally


def send(server: StatsdServer, lines: list[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto("\n".join(lines).encode(), (server.host, server.port))
    assert server.wait_until(lambda: server.datagrams == 1)


def post(collector: Collector, records: list[dict[str, object]]) -> None:
    url = urlsplit(collector.url)
    client = http.client.HTTPConnection(url.hostname or "", url.port, timeout=5)
    client.request("POST", url.path, "".join(json.dumps(record) + "\n" for record in records))
    client.getresponse()
    client.close()


def differing(checks: list[Check]) -> list[tuple[str, object, object]]:
    return [(check.what, check.done, check.received) for check in checks if not check.equal]


def test_without_loss_all_is_equal(tally: Tally, statsd: StatsdServer, collector: Collector) -> None:
    send(statsd, LINES)
    post(collector, RECORDS)

    assert [] == differing(compare(tally, statsd, collector, HEALTH))


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        (0, ("queue.tasks.enqueued send_email", 1, 0)),
        (1, ("queue.tasks.claimed send_email", 1, 0)),
        (2, ("queue.tasks.started send_email", 1, 0)),
        (3, ("queue.tasks.completed send_email", 1, 0)),
        (4, ("queue.task.duration send_email completed", 1, 0)),
        (5, ("queue.task.wait send_email", 1, 0)),
        (6, ("queue.size, at the end", 0, None)),
        (7, ("queue.active_workers, at the end", 0, None)),
        (9, ("jobs_left, at the end", 0, None)),
    ],
)
def test_a_lost_line_differs(
    tally: Tally, statsd: StatsdServer, collector: Collector, lost: int, expected: tuple[str, object, object]
) -> None:
    send(statsd, LINES[:lost] + LINES[lost + 1 :])
    post(collector, RECORDS)

    assert [expected] == differing(compare(tally, statsd, collector, HEALTH))


def test_a_refused_line_differs(tally: Tally, statsd: StatsdServer, collector: Collector) -> None:
    send(statsd, [*LINES, "bad"])
    post(collector, RECORDS)

    assert [("StatsD lines refused", [], [(b"bad", "no value")])] == differing(
        compare(tally, statsd, collector, HEALTH)
    )


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (RECORDS[1:], [("records task_enqueued send_email", 1, 0), ("logs delivered", 2, 3)]),
        (
            [*RECORDS, RECORDS[0]],
            [
                ("records task_enqueued send_email", 1, 2),
                ("records that came twice", 0, 1),
                ("logs delivered", 4, 3),
            ],
        ),
        ([*RECORDS[:2], {**RECORDS[2], "attempt": 2}], [("attempts in the records send_email", 1, 2)]),
    ],
    ids=["lost", "twice", "a wrong attempt"],
)
def test_records_that_are_not_what_was_done_differ(
    tally: Tally,
    statsd: StatsdServer,
    collector: Collector,
    records: list[dict[str, object]],
    expected: list[tuple[str, object, object]],
) -> None:
    send(statsd, LINES)
    post(collector, records)

    assert expected == differing(compare(tally, statsd, collector, HEALTH))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"status": "degraded"}, ("health status", "healthy", "degraded")),
        ({"completed_1h": 2}, ("health completed_1h", 1, 2)),
        (
            {"telemetry": {**HEALTH["telemetry"], "statsd": {**LEDGER, "dropped": {"refused": 1}}}},
            ("statsd dropped", {}, {"refused": 1}),
        ),
        (
            {"telemetry": {**HEALTH["telemetry"], "statsd": {**LEDGER, "delivered": 9}}},
            ("statsd delivered", 10, 9),
        ),
        (
            {"telemetry": {**HEALTH["telemetry"], "logs": {**LEDGER, "delivered": 3, "pending": 7}}},
            ("logs pending", 0, 7),
        ),
    ],
    ids=["status", "count", "dropped", "undelivered", "pending"],
)
def test_a_report_that_is_not_what_was_done_differs(
    tally: Tally,
    statsd: StatsdServer,
    collector: Collector,
    change: dict[str, object],
    expected: tuple[str, object, object],
) -> None:
    send(statsd, LINES)
    post(collector, RECORDS)

    assert [expected] == differing(compare(tally, statsd, collector, {**HEALTH, **change}))
