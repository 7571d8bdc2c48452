"""The settings of log delivery, from a telemetry to the wire and to the disk."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs.formats import NdjsonFormat, with_path
from queue_telemetry.telemetry import Telemetry
from queue_telemetry.testing import Collector
from queue_telemetry.testing._collector import CollectedRequest

MakeTelemetry = Callable[..., Telemetry]


class Mine(NdjsonFormat):
    """A user's own format."""

    name = "mine"
    headers = {"content-type": "application/x-ndjson", "X-Mine": "1"}

    def url(self, url: str) -> str:
        return with_path(url, "/mine")


def first_request(make: MakeTelemetry, collector: Collector, **settings: object) -> CollectedRequest:
    """Log one record and return the request that it made."""
    telemetry = make(**{"log_url": collector.url.removesuffix("/logs"), "task_logs": "all"} | settings)
    with telemetry.run("work"):
        pass
    assert collector.wait_until(lambda: bool(collector.requests))
    return collector.requests[0]


@pytest.mark.parametrize(
    ("name", "path", "header"),
    [
        ("ndjson", "/", ("authorization", "Bearer t0k")),
        ("json", "/", ("authorization", "Bearer t0k")),
        ("datadog", "/api/v2/logs", ("dd-api-key", "t0k")),
        ("loki", "/loki/api/v1/push", ("authorization", "Bearer t0k")),
        ("elasticsearch", "/_bulk", ("authorization", "ApiKey t0k")),
        ("splunk", "/services/collector/event", ("authorization", "Splunk t0k")),
        ("otlp", "/v1/logs", ("authorization", "Bearer t0k")),
    ],
)
def test_the_format_chooses_path_and_authorization(
    make_telemetry: MakeTelemetry, collector: Collector, name: str, path: str, header: tuple[str, str]
) -> None:
    request = first_request(make_telemetry, collector, log_format=name, log_token="t0k")

    assert (path, header[1]) == (request.path.partition("?")[0], request.headers[header[0]])


def test_a_users_own_format_ships(make_telemetry: MakeTelemetry, collector: Collector) -> None:
    request = first_request(make_telemetry, collector, log_format=Mine(), log_headers="X-More=2")

    assert ("/mine", "1", "2", 200) == (
        request.path,
        request.headers["x-mine"],
        request.headers["x-more"],
        request.status,
    )


def test_the_proxy_is_the_settings(make_telemetry: MakeTelemetry, collector: Collector) -> None:
    proxy = collector.url.replace("://", "://user:pa55@").removesuffix("/logs")

    request = first_request(make_telemetry, collector, log_url="http://logs.test/in", log_proxy=proxy)

    assert ("http://logs.test/in", "Basic dXNlcjpwYTU1") == (
        request.path,
        request.headers["proxy-authorization"],
    )


def test_certificates_that_are_none_are_refused(make_telemetry: MakeTelemetry, tmp_path: Path) -> None:
    nothing = tmp_path / "ca.pem"
    nothing.write_text("nothing")

    with pytest.raises(ConfigurationError, match="LOG_TLS_CA"):
        make_telemetry().configure(log_url="https://logs.test/", log_tls_ca=str(nothing))


@pytest.mark.parametrize("durability", ["memory", "spill", "wal"])
def test_what_will_never_be_taken_is_in_the_folder_with_any_durability(
    make_telemetry: MakeTelemetry, collector: Collector, tmp_path: Path, durability: str
) -> None:
    folder = tmp_path / "spool"
    folder.mkdir(mode=0o700)
    collector.answer(200, 400, 200)
    telemetry = make_telemetry(
        log_durability=durability, log_spool_dir=str(folder), task_logs="outcomes", log_linger_s=60
    )
    for name in ("good", "bad"):
        with telemetry.run(name):
            pass
        telemetry.flush(5.0)

    assert {"good"} == {record["task_type"] for record in collector.records}
    (letters,) = [path for path in folder.rglob("*") if path.is_file() and "dead" in str(path)]
    (letter,) = [json.loads(line) for line in letters.read_text().splitlines()]
    assert ("bad", 400) == (letter["record"]["task_type"], letter["status"])
    assert {"dead_lettered": 1} == telemetry.health().telemetry["logs"]["dropped"]


def test_a_process_that_logs_nothing_delivers_what_a_dead_one_left(
    make_telemetry: MakeTelemetry, tmp_path: Path
) -> None:
    with Collector() as collector:
        spooled = {
            "log_url": collector.url,
            "log_durability": "wal",
            "log_spool_dir": tmp_path / "spool",
            "task_logs": "all",
        }
        collector.answer(401)
        dead = make_telemetry(**spooled)
        with dead.run("work"):
            pass
        dead.flush(0.5)
        dead.close(1.0)
        assert [] == collector.records
        living = make_telemetry(**spooled | {"task_logs": "none"})
        living.counter("awake").increment()

        assert collector.wait_until(lambda: bool(collector.records))
