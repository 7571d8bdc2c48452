"""Datadog's own parser and aggregator, in a network of its own: it listens on every address and calls its vendor."""

import os
import re
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

_HERE: Final = Path(__file__).parent
_PACKAGES: Final = Path(
    "datadog", "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages"
)
_BINARY: Final = _PACKAGES / "datadog_serverless_compat" / "bin" / "linux-amd64" / "datadog-serverless-compat"
_OWN_TAGS: Final = ("origin:", "dd.origin:")
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_SERIES: Final = re.compile(
    r'Metric \{ metric: "([^"]+)", points: \[Point \{ timestamp: \d+, value: ([^ ]+) \}\],'
    r" resources: \[\], kind: (\w+), tags: \[([^\]]*)\]"
)
_SKETCH: Final = re.compile(
    r'Sketch \{ metric: "([^"]+)", host: "[^"]*", distributions: \[\], tags: \[([^\]]*)\],'
    r" dogsketches: \[Dogsketch \{ ts: \d+, cnt: (\d+), min: [^,]+, max: [^,]+, avg: [^,]+, sum: ([^,]+),"
)


@dataclass
class Datadog:
    """What the server was about to ship to its vendor, every ten seconds, from its log.

    Attributes:
        port: Where it takes lines, in its own network.
        inside: The command that runs another in that network.
    """

    port: int
    server: Any
    inside: list[str]

    def stored(self) -> dict[str, float]:
        """Counts, sketches' counts and sums added up, and the last of each gauge, by name and sorted tags."""
        values: dict[str, float] = {}
        text = _COLOURS.sub("", self.server.text())
        for name, value, kind, tags in _SERIES.findall(text):
            key = f"{kind.lower()} {_series(name, tags)}"
            values[key] = float(value) + (values.get(key, 0.0) if kind == "Count" else 0.0)
        for name, tags, count, total in _SKETCH.findall(text):
            series = _series(name, tags)
            values[f"timings {series}"] = values.get(f"timings {series}", 0) + int(count)
            values[f"sum {series}"] = round(values.get(f"sum {series}", 0.0) + float(total), 6)
        return values

    def refused(self) -> list[str]:
        """Lines that it could not read, by its log."""
        lines = _COLOURS.sub("", self.server.text()).splitlines()
        return [
            line for line in lines if "ailed to parse" in line or "nvalid" in line or "nsupported" in line
        ]


def _series(name: str, tags: str) -> str:
    own = (tag.strip('"') for tag in tags.split(", "))
    return f"{name}|#{','.join(sorted(tag for tag in own if not tag.startswith(_OWN_TAGS)))}"


@pytest.fixture(scope="session")
def start_datadog(
    installed: Callable[..., str],
    lacking: Callable[[str], NoReturn],
    start_server: Callable[..., Any],
    free_port: Callable[[int], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[], Datadog]:
    def start() -> Datadog:
        if os.geteuid() != 0:
            lacking("a network of its own takes root")
        in_wheel = installed("datadog-serverless-compat", _BINARY)
        binary = shutil.copy(in_wheel, tmp_path_factory.mktemp("binary"))  # a wheel's file cannot be executed
        Path(binary).chmod(0o700)
        port = free_port(socket.SOCK_DGRAM)
        unshare, nsenter = installed("unshare"), installed("nsenter")
        server = start_server(
            "datadog",
            [unshare, "--net", "--", sys.executable, str(_HERE / "with_loopback.py"), binary],
            lambda server: "starting to listen" in server.text() and server.has_udp_port(port),
            variables={
                "FUNCTION_NAME": "f",  # it only starts in a cloud function, by these
                "GCP_PROJECT": "p",
                "DD_API_KEY": "none",
                "DD_SITE": "127.0.0.1:9",
                "DD_LOG_LEVEL": "dogstatsd=trace,info",
                "DD_DOGSTATSD_PORT": str(port),
                "DD_APM_RECEIVER_PORT": str(free_port(socket.SOCK_STREAM)),
            },
        )
        return Datadog(port, server, [nsenter, f"--net=/proc/{server.process.pid}/ns/net", "--"])

    return start


@pytest.fixture(scope="session")
def datadog(start_datadog: Callable[[], Datadog]) -> Datadog:
    return start_datadog()
