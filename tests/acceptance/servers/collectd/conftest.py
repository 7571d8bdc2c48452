"""collectd with its statsd plugin: takes plain lines only, logs each one that it cannot read, and keeps files."""

import socket
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_CONFIG = """
Hostname "h"
FQDNLookup false
BaseDir "{folder}"
PIDFile "{folder}/collectd.pid"
TypesDB "/usr/share/collectd/types.db"
Interval 1
LoadPlugin logfile
<Plugin logfile>
  LogLevel "info"
  File STDOUT
</Plugin>
LoadPlugin statsd
<Plugin statsd>
  Host "127.0.0.1"
  Port "{port}"
  TimerLower true
  TimerUpper true
  TimerCount true
</Plugin>
LoadPlugin csv
<Plugin csv>
  DataDir "{folder}/csv"
  StoreRates false
</Plugin>
"""


@dataclass
class Collectd:
    """What collectd stored, from its files."""

    port: int
    server: Any
    folder: Path

    def stored(self) -> dict[str, float]:
        """Totals of counters, timings added up, and the last of each gauge; latencies in seconds."""
        values: dict[str, float] = defaultdict(float)
        for file in sorted((self.folder / "csv" / "h" / "statsd").glob("*")):
            kind, _, name = file.name[: -len("-2025-11-05")].partition("-")
            points = [
                float(line.split(",")[1]) for line in file.read_text().splitlines()[1:] if "nan" not in line
            ]
            if not points:
                continue
            if kind == "gauge" and name.endswith("-count"):
                values[f"timings {name.removesuffix('-count')}"] += sum(points)
            elif kind == "latency" and name.endswith("-lower"):
                values[f"lowest {name.removesuffix('-lower')}"] = min(points)
            elif kind == "latency" and name.endswith("-upper"):
                values[f"highest {name.removesuffix('-upper')}"] = max(points)
            else:
                values[f"{'counter' if kind == 'derive' else kind} {name}"] = points[-1]
        return values

    def refused(self) -> list[str]:
        """Lines that it could not read, by its log."""
        return [line for line in self.server.text().splitlines() if "nable to" in line or "rror" in line]


@pytest.fixture(scope="session")
def start_collectd(
    installed: Callable[..., str],
    start_server: Callable[..., Any],
    free_port: Callable[[int], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[], Collectd]:
    def start() -> Collectd:
        command, port = installed("collectd"), free_port(socket.SOCK_DGRAM)
        folder = tmp_path_factory.mktemp("collectd")
        config = folder / "collectd.conf"
        config.write_text(_CONFIG.format(folder=folder, port=port))
        run = [command, "-f", "-C", str(config)]
        return Collectd(port, start_server("collectd", run, lambda server: server.has_udp_port(port)), folder)

    return start


@pytest.fixture(scope="session")
def collectd(start_collectd: Callable[[], Collectd]) -> Collectd:
    return start_collectd()
