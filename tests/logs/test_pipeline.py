"""The whole pipeline over a real socket, in good and bad weather."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry._runtime import DropReason
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.logs import LogPipeline, Storage

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


def test_an_outage_is_spilled_and_the_next_process_delivers_it(
    collector: Any, make_pipeline: Make, tmp_path: Path
) -> None:
    owner = object()
    storage = Storage(tmp_path / "spool", "spill", owner=owner)
    collector.usual.status = 503
    first = make_pipeline(collector.url, storage=storage)
    lines = [b'{"n":%d}' % number for number in range(100)]
    for line in lines:
        first.buffer.append(line + b"\n")
    assert not first.close(0.5)
    assert (100, {}) == (first.delivery().pending, first.delivery().dropped)
    collector.usual.status = 200
    collector.requests.clear()

    second = make_pipeline(collector.url, storage=storage)
    second.buffer.append(b'{"n":100}\n')

    assert collector.wait_for(2)
    assert second.close(5.0)
    assert {*lines, b'{"n":100}'} == set(collector.lines())
    assert (1, 100, 101) == (
        second.delivery().accepted,
        second.delivery().adopted,
        second.delivery().delivered,
    )


def test_a_second_pipeline_of_another_owner_on_the_same_folder_is_refused(
    make_pipeline: Make, tmp_path: Path
) -> None:
    make_pipeline("http://127.0.0.1:9/", storage=Storage(tmp_path / "spool", "wal", owner=object()))

    with pytest.raises(ConfigurationError, match="LOG_SPOOL_DIR"):
        make_pipeline("http://127.0.0.1:9/", storage=Storage(tmp_path / "spool", "wal", owner=object()))


def test_dead_letters_are_written_in_the_folder_at_any_durability(
    collector: Any, make_pipeline: Make, tmp_path: Path
) -> None:
    collector.reply(200)
    collector.reply(400)
    pipeline = make_pipeline(collector.url, storage=Storage(tmp_path / "spool"))
    pipeline.buffer.append(b'{"good":1}\n')
    assert pipeline.flush(5.0)
    pipeline.buffer.append(b'{"bad":1}\n')

    assert pipeline.close(5.0)

    assert b'"record":{"bad":1}' in (tmp_path / "spool" / "dead-letters.ndjson").read_bytes()
    assert {DropReason.DEAD_LETTERED: 1} == pipeline.delivery().dropped


def test_a_fork_while_a_post_hangs_waits_for_nothing_and_leaves_the_parents_spool(
    collector: Any, pipeline_script: str, tmp_path: Path
) -> None:
    collector.usual.then = "hang"
    script = f"""{pipeline_script}
import os, sys, time
from pathlib import Path
from queue_telemetry.logs import Storage
storage = Storage(Path({str(tmp_path / "spool")!r}), "wal", owner="test")
parent = make_pipeline({collector.url!r}, storage)
parent.buffer.append(b'"parent"\\n')
parent.flush(1.0)
began_s = time.monotonic()
pid = os.fork()
if pid == 0:
    parent.forget()
    child = make_pipeline({collector.url!r}, storage)
    child.buffer.append(b'"child"\\n')
    child.close(0.2)
    os._exit(0 if child.delivery().pending == 1 and child.delivery().adopted == 0 else 1)
waited_s = time.monotonic() - began_s
assert os.waitpid(pid, 0)[1] == 0
assert waited_s < 1, waited_s
parent.close(0.2)
sys.exit(0 if parent.delivery().pending == 1 else 2)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=30, check=False)

    assert (0, b"") == (ran.returncode, ran.stderr)
    written = b"".join(file.read_bytes() for file in (tmp_path / "spool").rglob("*.seg"))
    assert (1, 1) == (written.count(b'"parent"'), written.count(b'"child"'))


def test_memory_holds_its_limit_in_a_long_outage_and_the_disk_the_rest(
    make_pipeline: Make, tmp_path: Path
) -> None:
    pipeline = make_pipeline(
        "http://127.0.0.1:9/",
        batch_bytes=1_000,
        max_memory_bytes=10_000,
        storage=Storage(tmp_path / "spool", "spill", owner=object()),
    )
    most = 0
    for _ in range(2_000):
        pipeline.buffer.append(b"x" * 99 + b"\n")
        most = max(most, pipeline.buffer.read()[2])
        while pipeline.buffer.read()[2] > 8_000:  # else this outruns the thread that stores
            pipeline._keeper._looked.wait(1.0)

    assert most <= 10_000
    assert (2_000, {}) == (pipeline.delivery().pending, pipeline.delivery().dropped)
