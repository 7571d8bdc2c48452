"""The probes of a whole telemetry: mounted, and from a server that one process of a host has."""

import json
import socket
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry.telemetry import Telemetry

MakeTelemetry = Callable[..., Telemetry]
RunScript = Callable[..., Any]

_ASK = """
import http.client

def ask(path, port, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except OSError as error:
        return type(error).__name__, ""
    finally:
        connection.close()

def until(condition):
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
"""


def ask(port: int, path: str, **headers: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def wait_for(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


def port_of(telemetry: Telemetry, kind: str = "http") -> int:
    def address() -> Any:
        return telemetry.health().telemetry["probes"].get(kind)

    wait_for(address)
    return int(address().rpartition(":")[2])


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_without_a_port_nothing_listens(telemetry: Telemetry) -> None:
    assert {} == telemetry.health().telemetry["probes"]


def test_a_configured_port_is_served_before_the_first_task(make_telemetry: MakeTelemetry) -> None:
    """A worker that waits for its first task is asked too."""
    telemetry = make_telemetry()
    telemetry.configure(health_port=0, statsd_port=9)

    assert telemetry._doors._server is not None
    assert 200 == ask(port_of(telemetry), "/livez")[0]


def test_the_first_event_opens_the_ports(make_telemetry: MakeTelemetry) -> None:
    telemetry = make_telemetry(health_port=0, health_agent_port=0)
    assert None is telemetry._doors._server

    telemetry.counter("mails").increment()

    assert 200 == ask(port_of(telemetry), "/readyz")[0]
    with socket.create_connection(("127.0.0.1", port_of(telemetry, "agent")), timeout=10) as connection:
        assert b"up ready 100%\n" == connection.makefile("rb").read()


def test_a_drain_is_heard_everywhere(make_telemetry: MakeTelemetry) -> None:
    telemetry = make_telemetry(health_port=0, health_agent_port=0)
    port, agent_port = port_of(telemetry), port_of(telemetry, "agent")

    telemetry.drain()

    assert (200, 503) == (ask(port, "/livez")[0], ask(port, "/readyz")[0])
    with socket.create_connection(("127.0.0.1", agent_port), timeout=10) as connection:
        assert b"drain\n" == connection.makefile("rb").read()


def test_the_token_is_the_one_that_was_set(make_telemetry: MakeTelemetry) -> None:
    port = port_of(make_telemetry(health_port=0, health_token="s3cret"))

    status, body = ask(port, "/healthz?verbose", Authorization="Bearer s3cret")
    assert (200, "127.0.0.1") == (status, json.loads(body)["telemetry"]["statsd"]["host"])
    assert 401 == ask(port, "/healthz?verbose", Authorization="Bearer other")[0]
    assert "host" not in json.loads(ask(port, "/healthz")[1])["telemetry"]["statsd"]


def test_a_scrape_shows_what_was_counted(make_telemetry: MakeTelemetry) -> None:
    telemetry = make_telemetry(health_port=0)
    with telemetry.worker("w1", slots=4):
        telemetry.task("send", queue="mail")(lambda: None)()
        telemetry.queue_size("mail").set(42)
        telemetry.counter("mails.sent", provider="ses").increment(2)
        telemetry.gauge("pool_free").set(3)
        with telemetry.timer("render"):
            pass

        lines = set(ask(port_of(telemetry), "/metrics")[1].decode().splitlines())

    assert {
        'queue_tasks_completed_total{queue="mail",type="send"} 1.0',
        'queue_task_duration_seconds_count{outcome="completed",queue="mail",type="send"} 1.0',
        'queue_size_current{queue="mail"} 42.0',
        "queue_active_workers 1.0",
        'queue_worker_slots{state="total"} 4.0',
        'mails_sent_total{provider="ses"} 2.0',
        "pool_free 3.0",
        "render_seconds_count 1.0",
    } <= lines


def test_another_port_is_served_after_a_change(make_telemetry: MakeTelemetry, port: int) -> None:
    telemetry = make_telemetry(health_port=0)
    first = port_of(telemetry)

    telemetry.configure(health_port=port, statsd_port=9)

    wait_for(lambda: port == port_of(telemetry))
    assert 200 == ask(port, "/livez")[0]
    with pytest.raises(ConnectionRefusedError):
        ask(first, "/livez")


def test_the_same_port_stays_open_over_a_change(make_telemetry: MakeTelemetry, port: int) -> None:
    telemetry = make_telemetry(health_port=port)
    assert port == port_of(telemetry)
    server = telemetry._doors._server

    telemetry.configure(health_port=port, statsd_port=9, service="billing")

    assert 200 == ask(port, "/livez")[0]
    assert server is telemetry._doors._server


def test_a_close_ends_the_server(make_telemetry: MakeTelemetry, port: int) -> None:
    telemetry = make_telemetry(health_port=port)
    assert port == port_of(telemetry)

    telemetry.close(2.0)

    with pytest.raises(ConnectionRefusedError):
        ask(port, "/livez")


def test_of_two_telemetries_the_second_takes_over_in_silence(
    make_telemetry: MakeTelemetry, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = make_telemetry(health_port=port), make_telemetry(health_port=port)
    assert port == port_of(first)
    second.counter("mails").increment()

    first.close(2.0)

    assert port == port_of(second)
    assert 200 == ask(port, "/livez")[0]
    assert [] == [record for record in caplog.records if "health_port" in record.getMessage().lower()]


def test_a_port_of_another_program_is_said_aloud(
    make_telemetry: MakeTelemetry, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = int(holder.getsockname()[1])
        telemetry = make_telemetry(health_port=port)
        telemetry.counter("mails").increment()
        wait_for(lambda: telemetry.health().telemetry["probes"]["failures"])
        wait_for(lambda: f"HEALTH_PORT={port}: cannot listen on 127.0.0.1" in caplog.text)


def test_prometheus_client_is_loaded_by_who_asks_for_an_application(run_script: RunScript) -> None:
    said = run_script(
        """
        loaded = lambda: "prometheus_client" in sys.modules
        qt.counter("mails").increment()
        qt.health()
        before = loaded()
        qt.asgi_app
        say(before=before, after=loaded())
        """
    ).said

    assert [{"before": False, "after": True}] == said


def test_without_prometheus_client_metrics_name_what_is_missing(run_script: RunScript) -> None:
    said = run_script(
        _ASK
        + """
sys.modules["prometheus_client"] = None
qt.counter("mails").increment()
address = lambda: qt.health().telemetry["probes"]["http"]
until(address)
status, body = ask("/metrics", int(address().rpartition(":")[2]))
say(status=status, named="queue-telemetry[prometheus]" in body)
""",
        health_port=0,
    ).said

    assert [{"status": 501, "named": True}] == said


def test_the_parent_serves_for_its_children_and_a_child_takes_over(
    run_script: RunScript, port: int, tmp_path: Path
) -> None:
    """The child has no copy of the parent's socket, and opens the port once that is gone."""
    said = run_script(
        _ASK
        + """
port = int(os.environ["QUEUE_TELEMETRY_HEALTH_PORT"])
qt.counter("mails").increment()
until(lambda: ask("/livez", port)[0] == 200)
parent = os.getpid()
reading, writing = os.pipe()
child = os.fork()
if not child:
    qt.counter("mails").increment()
    until(lambda: qt.health().telemetry["probes"].get("http") is None)
    os.write(writing, b"x")
    until(lambda: os.getppid() != parent)
    until(lambda: ask("/livez", port)[0] == 200)
    say(served=qt.health().telemetry["probes"]["http"], failures=qt.health().telemetry["probes"]["failures"])
    qt.close(1.0)
    os._exit(0)
os.read(reading, 1)
os.kill(parent, signal.SIGKILL)
""",
        code=-9,
        health_port=port,
    ).said

    assert [{"served": f"127.0.0.1:{port}", "failures": 0}] == said


def test_of_processes_for_one_job_each_only_the_configured_one_serves(
    run_script: RunScript, port: int
) -> None:
    said = run_script(
        _ASK
        + """
port = int(os.environ["QUEUE_TELEMETRY_HEALTH_PORT"])
child = os.fork()
if not child:
    qt.counter("mails").increment()
    say(child=sys.modules["queue_telemetry.api"].default_telemetry._doors.stats())
    os._exit(0)
os.waitpid(child, 0)
qt.configure()
child = os.fork()
if not child:
    qt.counter("mails").increment()
    say(grandchild=sys.modules["queue_telemetry.api"].default_telemetry._doors.stats())
    os._exit(0)
os.waitpid(child, 0)
until(lambda: ask("/livez", port)[0] == 200)
say(parent=qt.health().telemetry["probes"]["http"])
""",
        health_port=port,
        flush_each_task=True,
    ).said

    assert [{"child": {}}, {"grandchild": {}}, {"parent": f"127.0.0.1:{port}"}] == said


def test_a_scrape_shows_what_became_of_the_telemetry(make_telemetry: MakeTelemetry) -> None:
    telemetry = make_telemetry(health_port=0)
    telemetry.counter("mails").increment()
    port = port_of(telemetry)
    assert telemetry.flush(5.0)

    lines = set(ask(port, "/metrics")[1].decode().splitlines())

    assert {
        'queue_telemetry_accepted_total{signal="metrics"} 1.0',
        'queue_telemetry_delivered_total{signal="metrics"} 1.0',
    } <= lines


def test_a_scrape_shows_all_processes_of_a_service(run_script: RunScript) -> None:
    said = run_script(
        _ASK
        + """
qt.counter("mails", by="all").increment()
address = lambda: qt.health().telemetry["probes"]["http"]
until(address)
children = []
for _ in range(3):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        qt.counter("mails", by="all").increment(2)
        qt.flush()
        os.write(writing, b"x")
        os._exit(0)
    os.read(reading, 1)
    os.waitpid(child, 0)
port = int(address().rpartition(":")[2])
until(lambda: 'mails_total{by="all"} 7.0' in ask("/metrics", port)[1].splitlines())
say(done=True)
""",
        health_port=0,
    ).said

    assert [{"done": True}] == said
