"""Two stores of Graphite's protocol behind the reference daemon: victoria-metrics, and carbon with graphite-web."""

import json
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

_HERE: Final = Path(__file__).parent
_FLUSH_MS: Final = 2000  # a store has one point a second: two flushes must not meet in one
_BIN: Final = Path("graphite", "bin")

Series = dict[str, list[float]]
"""Points by name and sorted tags, `name;tag=value`."""


@dataclass
class VictoriaMetrics:
    """A store that understands Graphite's tags and is asked by labels."""

    name: str
    line_port: int
    url: str
    server: Any

    def series(self, **tags: str) -> Series:
        """Return what has these tags, or everything that the daemon flushed."""
        with urllib.request.urlopen(f"{self.url}/internal/force_flush", timeout=5):
            pass
        labels = ['__name__=~"stats.+"', *(f'{tag}="{value}"' for tag, value in tags.items())]
        query = urllib.parse.urlencode({"match": f"{{{','.join(labels)}}}"})
        with urllib.request.urlopen(f"{self.url}/api/v1/export?{query}", timeout=5) as answer:
            rows = [json.loads(line) for line in answer]
        return {_key(row["metric"].pop("__name__"), row["metric"]): row["values"] for row in rows}

    def refused(self) -> list[str]:
        """Return its own counts of lines that it could not read, as far as there are any."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=5) as answer:
            counts = answer.read().decode().splitlines()
        return [
            line for line in counts if line.startswith("vm_rows_invalid_total{") and not line.endswith(" 0")
        ]


@dataclass
class GraphiteWeb:
    """carbon-cache and its whisper files, asked through graphite-web."""

    name: str
    line_port: int
    url: str
    server: Any
    carbon: Any

    def series(self, **tags: str) -> Series:
        """Return what has these tags by the index of tags, or everything that whisper has of the daemon."""
        having = ["name=~^stats", *(f"{tag}={value}" for tag, value in tags.items())]
        targets = ["seriesByTag({})".format(",".join(f"'{part}'" for part in having))]
        if not tags:
            with urllib.request.urlopen(f"{self.url}/metrics/index.json", timeout=5) as answer:
                targets += [path for path in json.load(answer) if path.startswith("stats.")]
        asked = [("format", "json"), ("from", "-15min"), ("noNullPoints", "true")]
        body = urllib.parse.urlencode([*asked, *(("target", target) for target in targets)])
        with urllib.request.urlopen(f"{self.url}/render", body.encode(), timeout=5) as answer:
            rows = json.load(answer)
        return {
            _key(row["target"].partition(";")[0], row["tags"]): [value for value, _ in row["datapoints"]]
            for row in rows
        }

    def refused(self) -> list[str]:
        """Return what carbon could not read, and what either of them could not index by its tags."""
        said = [*self.carbon.text().splitlines(), *self.server.text().splitlines()]
        return [line for line in said if "invalid" in line or "rror" in line]


@dataclass
class Graphite:
    """The reference daemon in front of one of them."""

    port: int
    server: Any
    store: VictoriaMetrics | GraphiteWeb

    @property
    def name(self) -> str:
        return f"npm statsd 0.9.0 -> {self.store.name}"

    def refused(self) -> list[str]:
        """Lines that either of the two could not read, by its own account."""
        bad = [line for line in self.server.text().splitlines() if "Bad line" in line]
        return bad + self.store.refused()

    def stored(self, **tags: str) -> dict[str, float]:
        """All points of counters and timing counts added up, and the last of each gauge."""
        series = {key.removeprefix("stats."): points for key, points in self.store.series(**tags).items()}
        return {
            key: points[-1] if key.startswith("gauges.") else round(sum(points), 6)
            for key, points in series.items()
            if points
        }


def _key(name: str, tags: Mapping[str, str]) -> str:
    parts: Iterable[str] = (f"{tag}={value}" for tag, value in sorted(tags.items()) if tag != "name")
    return ";".join([name, *parts])


@pytest.fixture(scope="session")
def victoria_metrics(
    installed: Callable[..., str],
    start_server: Callable[..., Any],
    free_port: Callable[[int], int],
    listens: Callable[[int], bool],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[], VictoriaMetrics]:
    """Start the store."""

    def start() -> VictoriaMetrics:
        http_port, line_port = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)
        command = [
            installed("victoria-metrics"),
            f"-httpListenAddr=127.0.0.1:{http_port}",
            f"-graphiteListenAddr=127.0.0.1:{line_port}",
            f"-storageDataPath={tmp_path_factory.mktemp('store')}",
            "-retentionPeriod=1d",
            "-search.latencyOffset=0s",
        ]
        server = start_server(
            "victoria-metrics", command, lambda _: listens(http_port) and listens(line_port)
        )
        url = f"http://127.0.0.1:{http_port}"
        return VictoriaMetrics("victoria-metrics 1.79", line_port, url, server)

    return start


@pytest.fixture(scope="session")
def graphite_web(
    installed: Callable[..., str],
    start_server: Callable[..., Any],
    free_port: Callable[[int], int],
    listens: Callable[[int], bool],
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[], GraphiteWeb]:
    """Start carbon and graphite-web on one folder."""

    def start() -> GraphiteWeb:
        carbon, admin = (
            installed("carbon", _BIN / "carbon-cache.py"),
            installed("django", _BIN / "django-admin"),
        )
        python, folder = installed("python", _BIN / "python"), tmp_path_factory.mktemp("graphite")
        ports = {name: free_port(socket.SOCK_STREAM) for name in ("line", "pickle", "query", "web")}
        places = {f"{name}_port": port for name, port in ports.items()}
        (folder / "carbon.conf").write_text(
            (_HERE / "carbon.conf").read_text().format(folder=folder, **places)
        )
        for name in ("storage-schemas.conf", "storage-aggregation.conf"):
            (folder / name).write_text((_HERE / name).read_text())
        variables = {
            "PYTHONPATH": str(_HERE),
            "DJANGO_SETTINGS_MODULE": "graphite.settings",
            "GRAPHITE_SETTINGS_MODULE": "web_settings",
            **dict.fromkeys(("GRAPHITE_ROOT", "GRAPHITE_CONF_DIR", "GRAPHITE_STORAGE_DIR"), str(folder)),
        }
        (folder / "whisper").mkdir()
        subprocess.run(
            [admin, "migrate", "--run-syncdb", "--verbosity=0"], env=variables, check=True, timeout=60
        )
        web = start_server(
            "graphite-web",
            [admin, "runserver", "--noreload", f"127.0.0.1:{ports['web']}"],
            lambda _: listens(ports["web"]),
            variables=variables,
        )
        run = [python, carbon, f"--config={folder}/carbon.conf", f"--pidfile={folder}/carbon.pid"]
        server = start_server("carbon", [*run, "--nodaemon", "start"], lambda _: listens(ports["line"]))
        url = f"http://127.0.0.1:{ports['web']}"
        return GraphiteWeb("carbon, graphite-web 1.1.10", ports["line"], url, web, server)

    return start


@pytest.fixture(scope="session")
def start_graphite(
    request: pytest.FixtureRequest, start_daemon: Callable[..., Any], json_backend: str
) -> Callable[[str], Graphite]:
    """Start a store, by the fixture that does it, and the daemon in front of it."""

    def start(store_fixture: str) -> Graphite:
        store = request.getfixturevalue(store_fixture)()
        port, server = start_daemon(
            f"statsd-to-{store_fixture}",
            flushInterval=_FLUSH_MS,
            graphiteHost="127.0.0.1",
            graphitePort=store.line_port,
            graphite={"legacyNamespace": False, "globalPrefix": "stats"},
            backends=["./backends/graphite", json_backend],
        )
        return Graphite(port, server, store)

    return start


@pytest.fixture(scope="session")
def one_of_each(start_graphite: Callable[[str], Graphite]) -> Callable[[str], Graphite]:
    return cache(
        start_graphite
    )  # in a random order a fixture with parameters would start one again and again


@pytest.fixture(params=["victoria_metrics", "graphite_web"])
def graphite(request: pytest.FixtureRequest, one_of_each: Callable[[str], Graphite]) -> Graphite:
    return one_of_each(request.param)
