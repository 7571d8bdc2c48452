"""OTLP receivers that nobody here wrote, and the official schema that tells whether a body is what it should be."""

import base64
import gzip
import json
import re
import subprocess
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
_ATTRIBUTE = re.compile(r" +-> (?P<key>.+?): (?P<kind>\w+)\((?P<value>.*)\)$")


@dataclass
class Rotel:
    """A collector written in Rust: what it decoded, from what it prints."""

    url: str
    server: Any

    def records(self) -> list[dict[str, str]]:
        """Return what it prints of each record, attributes as `key: Kind(value)`, those of the resource among them."""
        resource: dict[str, str] = {}
        found: list[dict[str, str]] = []
        into = resource
        for line in self.server.text().split("\n"):
            attribute = _ATTRIBUTE.match(line)
            if line.startswith("ResourceLog #"):
                into = resource = {}
            elif line.startswith("LogRecord #"):
                into = dict(resource)
                found.append(into)
            elif attribute:
                into[attribute["key"]] = f"{attribute['kind']}({attribute['value']})"
            elif found and ": " in line:
                key, _, value = line.partition(": ")
                into[key] = value
        return found


@dataclass
class Ddapm:
    """Datadog's test agent: the bodies as they came, and the official schema's word on them."""

    url: str
    schema: list[str]

    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._judged()]

    def headers(self) -> list[dict[str, str]]:
        return [
            {key.lower(): value for key, value in request["headers"].items()} for request in self._asked()
        ]

    def clear(self) -> None:
        self._get("clear")

    def _judged(self) -> list[str]:
        """Have each body read by the official messages in an environment of their own."""
        bodies = [base64.b64decode(request["body"]) for request in self._asked()]
        plain = [gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body for body in bodies]
        said = subprocess.run(
            self.schema, input=b"".join(body + b"\n" for body in plain), capture_output=True, check=True
        )
        return said.stdout.decode().splitlines()

    def _asked(self) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = json.loads(self._get("requests"))
        return [request for request in asked if request["url"].endswith("/v1/logs")]

    def _get(self, what: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}/test/session/{what}", timeout=10) as answer:
            return bytes(answer.read())


@pytest.fixture
def rotel(
    installed: Callable[..., str],
    start_server: Callable[..., Any],
    free_port: Callable[..., int],
    listens: Callable[[int], bool],
    tmp_path: Path,
) -> Rotel:
    command = installed("rotel", "rotel/lib/python3*/site-packages/rotel/rotel-agent")
    http, grpc = free_port(), free_port()
    server = start_server(
        "rotel",
        [
            command,
            "start",
            "--exporter=blackhole",
            f"--otlp-http-endpoint=127.0.0.1:{http}",
            f"--otlp-grpc-endpoint=127.0.0.1:{grpc}",
            "--debug-log=logs",
            "--debug-log-verbosity=detailed",
            f"--pid-file={tmp_path}/rotel.pid",
            f"--log-file={tmp_path}/rotel.log",
        ],
        lambda _: listens(http),
    )
    return Rotel(f"http://127.0.0.1:{http}", server)


@pytest.fixture(scope="session")
def running_ddapm(
    installed: Callable[..., str],
    start_server: Callable[..., Any],
    free_port: Callable[..., int],
    listens: Callable[[int], bool],
    tmp_path_factory: pytest.TempPathFactory,
) -> Ddapm:
    command = installed("ddapm-test-agent", "ddapm/bin/ddapm-test-agent")
    python = installed("opentelemetry-proto", "otlp/bin/python")
    folder = tmp_path_factory.mktemp("ddapm")
    http = free_port()
    start_server(
        "ddapm",
        [
            command,
            "--host=127.0.0.1",
            f"--port={free_port()}",
            f"--otlp-http-port={http}",
            f"--otlp-grpc-port={free_port()}",
            f"--vcr-cassettes-directory={folder}/vcr",
            f"--snapshot-dir={folder}/snap",
        ],
        lambda _: listens(http),
    )
    return Ddapm(f"http://127.0.0.1:{http}", [python, str(_HERE / "read_by_schema.py")])


@pytest.fixture
def ddapm(running_ddapm: Ddapm) -> Ddapm:
    running_ddapm.clear()
    return running_ddapm
