"""Debian's Prometheus scrapes a worker by the exported configuration, evaluates the rules and answers the dashboard."""

import json
import re
import socket
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry.export import exported
from queue_telemetry.settings import Settings

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(90)]

_TABLE = "what Prometheus answered to the dashboard's queries"
_EAGER = "global:\n  evaluation_interval: 1s\n"
_STAY_EMPTY = {
    "queue_claims_failed_total",  # no fetch fails here
    "queue_tasks_cancelled_total",
    "queue_tasks_interrupted_total",
    "queue_tasks_skipped_total",
    "queue_alerts_fired_total",  # none in the first minute
}

Ask = Callable[..., tuple[int, str]]


@dataclass
class Prometheus:
    """The server, by its API."""

    url: str
    ask: Ask

    def get(self, path: str, **query: str) -> Any:
        status, body = self.ask(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}")
        assert 200 == status, body
        return json.loads(body)["data"]

    def values(self, query: str) -> list[float]:
        """Return the values of an instant query's series, in order."""
        return sorted(float(one["value"][1]) for one in self.get("query", query=query)["result"])


@pytest.fixture
def worker(
    start_worker: Callable[..., Any], health_port: int, free_port: Callable[..., int], tmp_path: Path
) -> Any:
    settings = {"service": "billing", "health_port": health_port, "state_dir": str(tmp_path / "state")}
    return start_worker({**settings, "statsd_port": free_port(socket.SOCK_DGRAM)})


@pytest.fixture
def health_port(free_port: Callable[..., int]) -> int:
    return free_port()


@pytest.fixture
def prometheus(
    installed: Callable[..., str],
    start_server: Callable[..., Any],
    free_port: Callable[..., int],
    listens: Callable[[int], bool],
    ask: Ask,
    until: Callable[..., Any],
    health_port: int,
    tmp_path: Path,
) -> Prometheus:
    """Start it; it scrapes and evaluates each second."""
    for file in exported(Settings(service="billing", health_port=health_port), "prometheus"):
        text = file.text.replace('scrape_interval: "15s"', 'scrape_interval: "1s"')
        head = "" if "rules" in file.path else _EAGER
        (tmp_path / Path(file.path).name).write_text(head + text)
    port = free_port()
    command = [
        installed("prometheus"),
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--storage.tsdb.retention.time=1h",
    ]
    server = Prometheus(f"http://127.0.0.1:{port}", ask)
    start_server("prometheus", command, lambda _: listens(port))
    assert until(lambda: ask(f"{server.url}/-/ready")[0] == 200)
    return server


@pytest.fixture
def busy(worker: Any, prometheus: Prometheus, until: Callable[..., Any]) -> Any:
    """A worker that has done some of everything, and has been scraped before and after."""
    for times in ("10", "20", "30"):  # a rate wants values that grow
        for what in ("work", "fail", "retry", "refuse", "starve"):
            worker.tell(what, times)
        worker.tell("busy", "2")
        seen = f'queue_tasks_completed_total{{job="billing"}} >= {times}'
        assert until(lambda seen=seen: prometheus.values(seen)), "it was scraped"
    return worker


def test_what_was_done_is_what_is_scraped(
    busy: Any, prometheus: Prometheus, until: Callable[..., Any]
) -> None:
    expected = {
        "queue_tasks_completed_total": [60.0],
        'queue_tasks_failed_total{error_type="ValueError", reason="exception", type="fail"}': [60.0],
        "queue_tasks_retried_total": [60.0],
        "queue_enqueue_failed_total": [60.0],
        "queue_claims_empty_total": [60.0],
        'queue_task_duration_seconds_count{type="send"}': [60.0],
        "queue_size_current": [42.0],
        "queue_oldest_task_age_seconds": [7.0],
        "queue_active_workers": [1.0],
        'queue_worker_slots{state="total"}': [4.0],
        "queue_tasks_in_flight > 0": [2.0],
        "up": [1.0],
    }

    def stored() -> dict[str, list[float]]:
        return {query: prometheus.values(query) for query in expected}

    until(lambda: stored() == expected)
    assert expected == stored()


def test_every_rule_is_evaluated_and_what_went_wrong_fires(
    busy: Any, prometheus: Prometheus, until: Callable[..., Any]
) -> None:
    def rules() -> list[dict[str, Any]]:
        (group,) = prometheus.get("rules")["groups"]
        found: list[dict[str, Any]] = group["rules"]
        return found

    assert until(lambda: {"ok"} == {rule["health"] for rule in rules()}), rules()
    assert 14 == len(rules())
    assert until(lambda: prometheus.values('ALERTS{alertname="EnqueueFailing", alertstate="firing"}'))


def test_every_query_of_the_dashboard_is_answered(
    busy: Any, prometheus: Prometheus, until: Callable[..., Any], note: Callable[..., None]
) -> None:
    """With the variables as Grafana fills them in; each that could have an answer has one."""
    (dashboard,) = exported(Settings(), "grafana")
    note(_TABLE, "panel", "series", "query")
    empty = []
    for panel in json.loads(dashboard.text)["panels"]:
        for target in panel.get("targets", []):
            query = re.sub(r"\$(job|queue|type)", ".*", target["expr"]).replace("$__rate_interval", "1m")
            possible = not any(name in query for name in _STAY_EMPTY)
            until(lambda query=query: not possible or prometheus.values(query), 5.0)
            found = prometheus.values(query)
            note(_TABLE, panel["title"], len(found), " ".join(target["expr"].split()))
            if bool(found) != possible:
                empty.append(query)
    assert [] == empty
