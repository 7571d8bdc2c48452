"""The reference daemon alone, with what it flushed read from its output."""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

_FLUSH_MS: Final = 1000


@dataclass
class Daemon:
    """What the reference daemon stored and refused, from its output."""

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


@pytest.fixture(scope="session")
def start_plain_daemon(start_daemon: Callable[..., Any], json_backend: str) -> Callable[[str], Daemon]:
    """Start a daemon that keeps what it is sent in its own output."""

    def start(name: str) -> Daemon:
        return Daemon(*start_daemon(name, flushInterval=_FLUSH_MS, backends=[json_backend]))

    return start


@pytest.fixture(scope="session")
def daemon(start_plain_daemon: Callable[[str], Daemon]) -> Daemon:
    return start_plain_daemon("statsd")
