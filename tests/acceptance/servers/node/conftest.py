"""The reference StatsD daemon, to be started with a backend of one's choice."""

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

_HERE: Final = Path(__file__).parent
_SCRIPT: Final = Path("statsd", "node_modules", "statsd", "stats.js")


@pytest.fixture(scope="session")
def json_backend() -> str:
    """Return the path of the backend that writes each flush to the daemon's output."""
    return str(_HERE / "json_backend.js")


@pytest.fixture(scope="session")
def start_daemon(
    installed: Callable[..., str],
    start_server: Callable[..., Any],
    free_port: Callable[[int], int],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., tuple[int, Any]]:
    """Start a reference daemon with some settings on top of the common ones; return its port as well."""

    def start(name: str, **settings: object) -> tuple[int, Any]:
        node, script = installed("node"), installed("npm statsd", _SCRIPT)
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
        command = [node, "-r", str(_HERE / "newer_node.js"), script, str(config)]
        return port, start_server(name, command, lambda server: server.has_udp_port(port))

    return start
