"""The reference StatsD daemon, and behind it Graphite's protocol into a store that can be asked."""

import json
import socket
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

_HERE: Final = Path(__file__).parent
_FLUSH_MS: Final = 1000
_GRAPHITE_FLUSH_MS: Final = 2000  # carbon has one point a second: two flushes must not meet in one
_SCRIPT: Final = Path("statsd", "node_modules", "statsd", "stats.js")


@dataclass
class Daemon:
    """The reference daemon; what it flushed is read from its output."""

    port: int
    server: Any

    def stored(self) -> dict[str, float]:
        """Counters and timings added up over all flushes, and the last of each gauge."""
        values: dict[str, float] = defaultdict(float)
        for line in self.server.text().splitlines():
            if not line.startswith("FLUSH "):
                continue
            flushed = json.loads(line.removeprefix("FLUSH "))
            for name, count in flushed["counters"].items():
                values[f"counter {name}"] += count
            for name, data in flushed["timer_data"].items():
                values[f"timings {name}"] += round(data.get("count", 0), 6)
                values[f"lowest {name}"] = min(values.get(f"lowest {name}", 1e9), data.get("lower", 1e9))
                values[f"highest {name}"] = max(values[f"highest {name}"], data.get("upper", 0))
            values.update({f"gauge {name}": value for name, value in flushed["gauges"].items()})
        return values

    def refused(self) -> list[str]:
        """Lines that it could not read, by its own account."""
        return [line for line in self.server.text().splitlines() if "Bad line" in line]


@dataclass
class Graphite:
    """The reference daemon in front of a store of Graphite's protocol."""

    port: int
    url: str
    server: Any
    store: Any

    def refused(self) -> list[str]:
        """Lines that either of the two could not read, by its own account."""
        bad = [line for line in self.server.text().splitlines() if "Bad line" in line]
        return bad + [line for line in self.store.text().splitlines() if "cannot" in line]

    def stored(self) -> dict[str, float]:
        """All points of counters and timing counts added up, and the last of each gauge, by name and sorted tags."""
        urllib.request.urlopen(f"{self.url}/internal/force_flush", timeout=5).close()
        query = urllib.parse.urlencode({"match": '{__name__=~"stats.(counters|timers|gauges).+"}'})
        with urllib.request.urlopen(f"{self.url}/api/v1/export?{query}", timeout=5) as answer:
            rows = [json.loads(line) for line in answer]
        values: dict[str, float] = {}
        for row in rows:
            tags = row["metric"]
            name = tags.pop("__name__").removeprefix("stats.")
            key = ";".join([name, *(f"{tag}={value}" for tag, value in sorted(tags.items()))])
            points = row["values"]
            values[key] = points[-1] if name.startswith("gauges.") else round(sum(points), 6)
        return values


@pytest.fixture(scope="session")
def start_daemon(
    installed: Callable[..., str],
    start_server: Callable[..., Any],
    free_port: Callable[[int], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., tuple[int, Any]]:
    """Start a reference daemon with some settings on top of the common ones; return its port as well."""
    node, script = installed("node"), installed("npm statsd", _SCRIPT)

    def start(name: str, **settings: object) -> tuple[int, Any]:
        port = free_port(socket.SOCK_DGRAM)
        config = tmp_path_factory.mktemp(name) / "config.js"
        common = {
            "address": "127.0.0.1",
            "port": port,
            "mgmt_address": "127.0.0.1",
            "mgmt_port": free_port(socket.SOCK_STREAM),
            "dumpMessages": False,
            "deleteIdleStats": True,
            "deleteGauges": False,
        }
        config.write_text(json.dumps({**common, **settings}))
        preload = str(_HERE / "newer_node.js")
        command = [node, "-r", preload, script, str(config)]
        return port, start_server(name, command, lambda server: server.has_udp_port(port))

    return start


@pytest.fixture(scope="session")
def daemon(start_daemon: Callable[..., Any]) -> Daemon:
    return Daemon(*start_daemon("statsd", flushInterval=_FLUSH_MS, backends=[str(_HERE / "json_backend.js")]))


@pytest.fixture(scope="session")
def graphite(
    installed: Callable[..., str],
    start_daemon: Callable[..., Any],
    start_server: Callable[..., Any],
    free_port: Callable[[int], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Graphite:
    http_port, carbon_port = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
    command = [
        installed("victoria-metrics"),
        f"-httpListenAddr=127.0.0.1:{http_port}",
        f"-graphiteListenAddr=127.0.0.1:{carbon_port}",
        f"-storageDataPath={tmp_path_factory.mktemp('store')}",
        "-retentionPeriod=1d",
        "-search.latencyOffset=0s",
    ]
    store = start_server("victoria-metrics", command, lambda _: _listens(http_port) and _listens(carbon_port))
    port, server = start_daemon(
        "statsd-to-graphite",
        flushInterval=_GRAPHITE_FLUSH_MS,
        graphiteHost="127.0.0.1",
        graphitePort=carbon_port,
        graphite={"legacyNamespace": False, "globalPrefix": "stats"},
        backends=["./backends/graphite", str(_HERE / "json_backend.js")],
    )
    return Graphite(port, f"http://127.0.0.1:{http_port}", server, store)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
