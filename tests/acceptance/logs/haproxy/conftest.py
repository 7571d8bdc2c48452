"""HAProxy in front of a collector: breaks the first requests on a path as the path says, then passes them on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry.testing import Collector

_CONFIG = """
global
    maxconn 200
    tune.bufsize 65536
defaults
    mode http
    timeout client 15s
    timeout server 5s
    timeout connect 1s
    timeout tarpit 1s
    timeout http-request 3s
frontend front
    bind 127.0.0.1:{port}
    option http-buffer-request
    stick-table type string len 64 size 100 store http_req_cnt
    http-request track-sc0 path
    acl early sc0_http_req_cnt le 2
    http-request reject if {{ path /reset }} early
    http-request silent-drop if {{ path /silence }} {{ sc0_http_req_cnt le 1 }}
    http-request tarpit deny_status 503 if {{ path /tarpit }} early
    http-request return status 429 content-type text/plain string "later" hdr Retry-After %[date(2),http_date] if {{ path /date }} {{ sc0_http_req_cnt le 1 }}
    http-request return status 503 content-type text/plain string "later" hdr Retry-After "Wed, 21 Oct 2037 07:28:00 GMT" if {{ path /never }}
    http-response set-header Connection close if {{ path /close }}
    http-after-response set-header Connection close if {{ path /close }}
    default_backend behind
backend behind
    server collector 127.0.0.1:{behind}
"""


@dataclass
class Haproxy:
    """The proxy's address by fault, and what came through to the collector behind it."""

    port: int
    behind: Collector
    start: Callable[[], Any]
    server: Any = None

    def url(self, fault: str) -> str:
        return f"http://127.0.0.1:{self.port}/{fault}"

    def kill(self) -> None:
        """End it in the middle of whatever it does."""
        self.server.process.kill()
        self.server.process.wait()

    def come_back(self) -> None:
        self.server = self.start()

    def numbers(self) -> list[object]:
        return [record["n"] for record in self.behind.records]


@pytest.fixture
def haproxy(
    installed: Callable[..., str],
    start_server: Callable[..., Any],
    free_port: Callable[..., int],
    listens: Callable[[int], bool],
    tmp_path: Path,
) -> Iterator[Haproxy]:
    command, port = installed("haproxy"), free_port()
    config = tmp_path / "haproxy.cfg"
    with Collector() as behind:
        collectors_port = behind.url.split(":")[2].split("/")[0]
        config.write_text(_CONFIG.format(port=port, behind=collectors_port))
        haproxy = Haproxy(
            port,
            behind,
            lambda: start_server("haproxy", [command, "-db", "-f", str(config)], lambda _: listens(port)),
        )
        haproxy.come_back()
        yield haproxy
        haproxy.server.stop()
