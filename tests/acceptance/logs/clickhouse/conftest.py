"""ClickHouse: takes NDJSON as rows, each column of one type, and refuses a body that has one line it cannot read."""

import json
import re
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

_CONFIG = """<yandex>
  <logger><level>warning</level><console>1</console></logger>
  <http_port>{http}</http_port><tcp_port>{tcp}</tcp_port><interserver_http_port>{inter}</interserver_http_port>
  <listen_host>127.0.0.1</listen_host>
  <path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path><users_config>{folder}/users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database>
  <mark_cache_size>5368709</mark_cache_size>
</yandex>
"""
_USERS = """<yandex>
  <profiles><default/></profiles><quotas><default/></quotas>
  <users><default>
    <password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
  </default></users>
</yandex>
"""
_COLUMNS: Mapping[str, str] = {
    "timestamp": "String",
    "level": "String",
    "message": "String",
    "record_id": "String",
    "service": "String",
    "host": "String",
    "pid": "UInt32",
    "line": "UInt32",
    "logger": "String",
    "function": "String",
    "n": "UInt32",
}


@dataclass
class Table:
    """One table: where to send records for it, and what it stored."""

    base: str
    name: str

    def url(self, **options: object) -> str:
        query = f"INSERT INTO {self.name} FORMAT JSONEachRow"
        return self.base + "?" + urlencode({"query": query, "input_format_skip_unknown_fields": 1, **options})

    def create(self, **columns: str) -> None:
        """Make the table, with more columns than the usual ones."""
        described = ", ".join(f"`{name}` {kind}" for name, kind in {**_COLUMNS, **columns}.items())
        self.ask(f"CREATE TABLE {self.name} ({described}) ENGINE = Memory")

    def rows(self) -> list[dict[str, Any]]:
        answer = self.ask(f"SELECT * FROM {self.name} ORDER BY record_id FORMAT JSONEachRow")
        return [json.loads(line) for line in answer.splitlines()]

    def ask(self, query: str) -> str:
        quoting = urlencode({"output_format_json_quote_64bit_integers": 0})
        with urllib.request.urlopen(f"{self.base}?{quoting}", query.encode(), timeout=10) as answer:
            return str(answer.read().decode())


@pytest.fixture(scope="session")
def clickhouse(
    installed: Callable[..., str],
    start_server: Callable[..., Any],
    free_port: Callable[..., int],
    listens: Callable[[int], bool],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """Start the server and return where it answers."""
    command, folder = installed("clickhouse-server"), tmp_path_factory.mktemp("clickhouse")
    http, tcp, inter = (free_port() for _ in range(3))
    for name in ("data", "tmp"):
        (folder / name).mkdir()
    Path(folder / "config.xml").write_text(_CONFIG.format(folder=folder, http=http, tcp=tcp, inter=inter))
    Path(folder / "users.xml").write_text(_USERS)
    start_server("clickhouse", [command, f"--config-file={folder}/config.xml"], lambda _: listens(http))
    return f"http://127.0.0.1:{http}/"


@pytest.fixture
def table(clickhouse: str, request: pytest.FixtureRequest) -> Table:
    """Return a table of the test's own, not yet made."""
    return Table(clickhouse, re.sub(r"\W", "_", request.node.name))
