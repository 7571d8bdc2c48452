import socket
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse

import pytest

from queue_telemetry._runtime import log
from queue_telemetry.healthcheck import (
    HealthReport,
    HealthServer,
    Probes,
    ProcessFacts,
    ServerAddress,
    Thresholds,
    evaluate,
)
from queue_telemetry.metrics.errors import ErrorGroup
from queue_telemetry.metrics.snapshot import Snapshot, TypePerformance
from queue_telemetry.metrics.tallies import SeriesKey


@pytest.fixture
def quiet() -> Snapshot:
    """The stats of a process in which nothing happened."""
    return Snapshot(
        completed_1h=0,
        failed_1h=0,
        retried_1h=0,
        attempts_1h=0,
        avg_duration_s=None,
        p50_duration_s=None,
        p95_duration_s=None,
        p99_duration_s=None,
        p95_wait_s=None,
        counters={},
        queue_sizes={},
        oldest_ages_s={},
        errors=(),
    )


@pytest.fixture
def busy() -> Snapshot:
    """The stats of a process with a full hour behind it."""
    return Snapshot(
        completed_1h=812,
        failed_1h=2,
        retried_1h=9,
        attempts_1h=823,
        avg_duration_s=1.5,
        p50_duration_s=1.1,
        p95_duration_s=4.2,
        p99_duration_s=6.0,
        p95_wait_s=0.8,
        counters={SeriesKey("queue.tasks.completed", ("queue", "type"), ("mail", "cleanup_runs")): 9000},
        queue_sizes={"mail": 40.0, "bulk": 2.0},
        oldest_ages_s={"mail": 3.1, "bulk": 0.5},
        errors=(
            ErrorGroup(
                fingerprint="9f2c44e1ab3d5566",
                type="ValueError",
                task_type="cleanup_runs",
                count=2,
                first_seen_s=1_762_337_000.5,
                last_seen_s=1_762_337_700.0,
                sample="bad row N",
            ),
        ),
        performance=(
            TypePerformance(
                queue="maintenance",
                type="cleanup_runs",
                count=814,
                failed=2,
                retried=9,
                rate_per_s=814 / 3600,
                avg_duration_s=1.5,
                p50_duration_s=1.1,
                p95_duration_s=4.2,
                p99_duration_s=6.0,
                avg_wait_s=0.3,
                p95_wait_s=0.8,
                in_flight=2,
                longest_running_s=None,
            ),
        ),
    )


@pytest.fixture
def facts() -> ProcessFacts:
    """A process that runs two of three workers' tasks."""
    return ProcessFacts(
        collected=True,
        draining=False,
        active_workers=3,
        slots_used=2,
        slots_total=12,
        in_flight=2,
        longest_running_s=0.4,
        heartbeat_age_s=1.0,
        configuration_invalid=False,
        telemetry={"statsd": {"delivered": 7, "dropped": {"refused": 1}, "target": "10.0.0.7:8125"}},
        telemetry_failing=frozenset(),
        now_s=1_762_337_730.123456,
        service="billing",
        version="1.2.3",
    )


@pytest.fixture
def report(busy: Snapshot, facts: ProcessFacts) -> HealthReport:
    """The report of a healthy process."""
    return evaluate(busy, facts, Thresholds())


class Client:
    """Asks a server over real sockets."""

    @staticmethod
    def wait_for(condition: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline_s
            time.sleep(0.005)

    @staticmethod
    def free_port() -> int:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return int(listener.getsockname()[1])

    def port_of(self, server: HealthServer, kind: str = "http") -> int:
        self.wait_for(lambda: server.stats()[kind])
        return int(str(server.stats()[kind]).rpartition(":")[2])

    def connect(self, server: HealthServer, kind: str = "http") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port_of(server, kind)), timeout=10)

    @staticmethod
    def read_all(connection: socket.socket) -> bytes:
        with connection, connection.makefile("rb") as stream:
            return stream.read()

    def get(
        self, server: HealthServer, path: str, method: str = "GET", body: bytes | None = None
    ) -> HTTPResponse:
        connection = HTTPConnection("127.0.0.1", self.port_of(server), timeout=10)
        try:
            connection.request(method, path, body)
            response = connection.getresponse()
            response.read()
        finally:
            connection.close()
        return response


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def make_server(
    report: HealthReport, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., HealthServer]]:
    """Make servers that end with their test, which hears what is said once a minute."""
    made: list[HealthServer] = []
    monkeypatch.setattr(log, "_last", {})

    def make(
        port: int | None = 0,
        agent_port: int | None = None,
        *,
        host: str = "127.0.0.1",
        probes: Probes | None = None,
        may_serve: Callable[[], bool] = lambda: True,
        leave: Callable[[], None] = lambda: None,
    ) -> HealthServer:
        address = ServerAddress(host, port, agent_port)
        server = HealthServer(probes or Probes(lambda: report), address, may_serve=may_serve, leave=leave)
        made.append(server)
        assert server.start()
        return server

    yield make
    for server in made:
        assert server.close(5.0)


@pytest.fixture
def server(make_server: Callable[..., HealthServer]) -> HealthServer:
    return make_server()
