"""The whole pipeline over a real socket, in good and bad weather."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry._runtime import DropReason
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs import LogPipeline

Make = Callable[..., LogPipeline]


def test_a_record_goes_out_by_itself(collector: Any, make_pipeline: Make) -> None:
    make_pipeline(collector.url, token="t0k").buffer.append(b'{"a":1}\n')

    assert collector.wait_for(1)
    assert [b'{"a":1}'] == collector.lines()
    assert "Bearer t0k" == collector.requests[0].headers["authorization"]


def test_nothing_is_started_before_the_first_record(collector: Any, make_pipeline: Make) -> None:
    before = threading.active_count()

    pipeline = make_pipeline(collector.url)

    assert (before, 0) == (threading.active_count(), collector.connections)
    assert "idle" == pipeline.stats()["state"]


def test_all_arrives_after_an_outage(collector: Any, make_pipeline: Make) -> None:
    collector.reply(503)
    collector.reply(200, then="close_unanswered")
    collector.reply(401)
    pipeline = make_pipeline(collector.url, batch_bytes=100)
    lines = [b'{"n":%d}' % number for number in range(50)]
    for line in lines:
        pipeline.buffer.append(line + b"\n")

    while not pipeline.flush(0.2):
        assert len(collector.requests) < 100

    assert lines == list(dict.fromkeys(collector.lines()))
    assert (50, {}) == (pipeline.delivery().delivered, pipeline.delivery().dropped)


def test_memory_is_bounded_while_the_collector_is_dead(make_pipeline: Make) -> None:
    pipeline = make_pipeline("http://127.0.0.1:9/", batch_bytes=1_000, max_memory_bytes=10_000)
    most = 0
    for _ in range(2_000):
        pipeline.buffer.append(b"x" * 99 + b"\n")
        most = max(most, pipeline.buffer.read()[2])

    delivery = pipeline.delivery()
    assert 9_000 <= most <= 10_000
    assert 2_000 == delivery.accepted == delivery.pending + delivery.dropped[DropReason.OVERFLOW]


def test_a_hung_collector_slows_no_caller_and_close_returns_in_time(
    collector: Any, make_pipeline: Make
) -> None:
    collector.usual.then = "hang"
    pipeline = make_pipeline(collector.url, batch_bytes=1_000, max_memory_bytes=10_000)
    pipeline.buffer.append(b"x" * 1_000)
    assert collector.wait_for(1)
    began_s = time.monotonic()
    for _ in range(1_000):
        pipeline.buffer.append(b"x" * 99 + b"\n")
    appended_s = time.monotonic() - began_s

    assert not pipeline.close(0.3)

    closed_s = time.monotonic() - began_s - appended_s
    assert appended_s < 1.0, (
        "a thousand appends take a millisecond; the collector would have taken ten seconds"
    )
    assert closed_s < 1.5
    delivery = pipeline.delivery()
    assert (1_001, 0, 0) == (delivery.accepted, delivery.pending, delivery.delivered)


def test_flush_gives_up_in_time_on_a_hung_collector(collector: Any, make_pipeline: Make) -> None:
    collector.usual.then = "hang"
    pipeline = make_pipeline(collector.url)
    pipeline.buffer.append(b"{}\n")
    began_s = time.monotonic()

    assert not pipeline.flush(0.2)

    assert time.monotonic() - began_s < 1.5
    assert not pipeline.close(0.1)


def test_a_forked_child_ships_on_its_own_connection_and_the_parent_goes_on(
    collector: Any, pipeline_script: str
) -> None:
    script = f"""{pipeline_script}
import os, sys
parent = make_pipeline({collector.url!r})
parent.buffer.append(b'"before"\\n')
assert parent.flush(5.0)
parent.buffer.append(b'"parent only"\\n')
pid = os.fork()
if pid == 0:
    parent = None
    child = make_pipeline({collector.url!r})
    child.buffer.append(b'"child"\\n')
    os._exit(0 if child.close(5.0) else 1)
assert os.waitpid(pid, 0)[1] == 0
parent.buffer.append(b'"after"\\n')
sys.exit(0 if parent.close(5.0) else 1)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=15, check=False)

    assert (0, b"") == (ran.returncode, ran.stderr)
    by_connection: dict[int, list[bytes]] = {}
    for request in collector.requests:
        by_connection.setdefault(request.connection, []).extend(request.lines)
    assert {1: [b'"before"', b'"parent only"', b'"after"'], 2: [b'"child"']} == by_connection


def test_stats_hold_no_address_and_no_secret(collector: Any, make_pipeline: Make) -> None:
    pipeline = make_pipeline(f"http://u:pa55@127.0.0.1:{collector.port}/?key=K3Y")
    collector.reply(404)
    pipeline.buffer.append(b"{}\n")
    assert collector.wait_for(1)
    pipeline.close(2.0)

    assert not [part for part in ("pa55", "K3Y", "127.0.0.1") if part in str(pipeline.stats())]


def test_an_address_that_the_http_library_refuses_is_named(make_pipeline: Make) -> None:
    with pytest.raises(ConfigurationError, match="LOG_URL"):
        make_pipeline("http://999.1.1.1/")
