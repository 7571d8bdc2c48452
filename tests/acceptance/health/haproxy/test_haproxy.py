"""HAProxy, by the exported configuration, between two workers: one drains, one dies, and no request is lost for long."""

import csv
import re
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry.export import exported
from queue_telemetry.settings import Settings

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

_TABLE = "what HAProxy said of two workers"
_REQUESTS = 40

Ask = Callable[..., tuple[int, str]]
Until = Callable[..., Any]


@dataclass
class Balancer:
    """HAProxy, its statistics, and who answers behind it."""

    port: int
    socket: Path
    ask: Ask
    until: Until
    note: Callable[..., None]

    def statistics(self) -> dict[str, dict[str, str]]:
        """Return what it says of each server."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(5)
            asking.connect(str(self.socket))
            asking.sendall(b"show stat\n")
            said = b""
            while part := asking.recv(65536):
                said += part
        rows = csv.DictReader(said.decode().removeprefix("# ").splitlines())
        return {row["svname"]: row for row in rows if row["svname"] not in {"FRONTEND", "BACKEND"}}

    def answers(self) -> Counter[str]:
        """Send some requests; count who answered, or the status of the error."""
        said = (self.ask(f"http://127.0.0.1:{self.port}/") for _ in range(_REQUESTS))
        return Counter(body if status == 200 else str(status) for status, body in said)

    def step(self, what: str, is_so: Callable[[dict[str, dict[str, str]]], bool]) -> Counter[str]:
        """Wait until the statistics are so; note them, and who answers then."""
        assert self.until(lambda: is_so(self.statistics())), self.statistics()
        answers = self.answers()
        for name, row in self.statistics().items():
            columns = (row[key] for key in ("status", "weight", "check_status", "check_code", "agent_status"))
            self.note(_TABLE, what, name, *columns, f"{answers[name]} of {_REQUESTS}")
        return answers


@pytest.fixture
def ports(free_port: Callable[..., int]) -> dict[str, int]:
    return {name: free_port() for name in ("front", "app", "health", "agent")}


@pytest.fixture
def balancer(
    installed: Callable[..., str],
    start_server: Callable[..., Any],
    ports: dict[str, int],
    tmp_path: Path,
    ask: Ask,
    until: Until,
    note: Callable[..., None],
) -> Callable[[], Balancer]:
    """Start it with the exported configuration on these ports, and ten times as eager."""

    def start() -> Balancer:
        settings = Settings(health_port=ports["health"], health_agent_port=ports["agent"])
        (file,) = exported(settings, "haproxy")
        text = file.text.replace(":8000", f":{ports['front']}").replace(":8001", f":{ports['app']}")
        text = re.sub(r"inter 2s", "inter 200ms", text)
        admin, config = tmp_path / "stats.sock", tmp_path / "haproxy.cfg"
        config.write_text(f"global\n    stats socket {admin} mode 600\n{text}")
        start_server("haproxy", [installed("haproxy"), "-db", "-f", str(config)], lambda _: admin.exists())
        note(_TABLE, "step", "server", "status", "weight", "check", "code", "agent", "answers")
        return Balancer(ports["front"], admin, ask, until, note)

    return start


def test_work_goes_where_it_is_wanted(
    balancer: Callable[[], Balancer],
    start_worker: Callable[..., Any],
    ports: dict[str, int],
    free_port: Callable[..., int],
    tmp_path: Path,
) -> None:
    def worker(number: int) -> Any:
        """One on a host of its own, as far as addresses and folders go."""
        host, name = f"127.0.0.{number}", f"worker-{number}"
        settings = {
            "service": "billing",
            "health_host": host,
            "health_port": ports["health"],
            "health_agent_port": ports["agent"],
            "state_dir": str(tmp_path / name),
            "statsd_port": free_port(socket.SOCK_DGRAM),
        }
        return start_worker(settings, name, host, str(ports["app"]))

    first, second = worker(1), worker(2)
    proxy = balancer()

    both = proxy.step("both idle", lambda said: _are(said, first="UP", second="UP"))
    _assert_about(both, first=20)

    first.tell("busy", "3")
    busy = proxy.step("first has 3 of 4 slots in use", lambda said: said["worker-1"]["weight"] == "25")
    _assert_about(busy, first=8)  # weights 25 and 100

    first.tell("busy", "0")
    second.tell("drain")
    drained = proxy.step("second drains", lambda said: not said["worker-2"]["status"].startswith("UP"))
    assert {"worker-1": _REQUESTS} == drained

    second.end()
    ended = proxy.step("second ended", lambda said: said["worker-2"]["status"].startswith("DOWN"))
    assert {"worker-1": _REQUESTS} == ended

    second = worker(2)
    again = proxy.step("second is started again", lambda said: _are(said, first="UP", second="UP"))
    _assert_about(again, first=20)

    first.kill()
    dead = proxy.step("first is killed", lambda said: _are(said, first="DOWN", second="UP"))
    assert {"worker-2": _REQUESTS} == dead


def _are(said: dict[str, dict[str, str]], *, first: str, second: str) -> bool:
    one, two = said["worker-1"], said["worker-2"]
    weights = {row["weight"] for row in (one, two) if row["status"] == "UP"}
    return (first, second) == (one["status"], two["status"]) and weights == {"100"}


def _assert_about(answers: Counter[str], *, first: int) -> None:
    """Each had its share; a turn begun before counts with it."""
    assert {"worker-1", "worker-2"} == set(answers), "and no error"
    assert abs(answers["worker-1"] - first) <= 3
