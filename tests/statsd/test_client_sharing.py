"""One client for many threads, and for forked children."""

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry.statsd import StatsClient

THREADS = 4
CALLS = 3000


@pytest.mark.parametrize("is_unix", [False, True])
def test_threads_that_share_a_client_leave_a_bounded_rest_and_lose_nothing_uncounted(
    tmp_path: Path, is_unix: bool
) -> None:
    path = str(tmp_path / "dsd.socket")
    with socket.socket(socket.AF_UNIX if is_unix else socket.AF_INET, socket.SOCK_DGRAM) as agent:
        agent.bind(path if is_unix else ("127.0.0.1", 0))
        port = 8125 if is_unix else agent.getsockname()[1]
        client = StatsClient("127.0.0.1", port, socket_path=path if is_unix else None)
        most_sent, most_waiting = [0] * THREADS, [0] * THREADS
        sent_by = threading.local()
        offer = client._transport.send

        def send(payload: bytes) -> Any:
            sent_by.count += 1
            return offer(payload)

        client._transport.send = send  # type: ignore[method-assign] # counts what each call sends

        def work(index: int) -> None:
            for _ in range(CALLS):
                sent_by.count = 0
                client.incr("jobs")
                most_sent[index] = max(most_sent[index], sent_by.count)
                most_waiting[index] = max(most_waiting[index], len(client._outbox))

        threads = [threading.Thread(target=work, args=(index,)) for index in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        sent_by.count = 0
        client.close()

        stats: Any = client.stats()
        assert stats["lines"] + sum(stats["lines_dropped"].values()) == THREADS * CALLS
        assert max(most_waiting) <= 64 + 1 + THREADS
        assert max(most_sent) <= 64 + 2
        assert is_unix or stats["lines"] == THREADS * CALLS


PRELUDE = """
import json, os, socket, sys, threading
from queue_telemetry.statsd import StatsClient

target = json.loads(sys.argv[1])

def in_child(work):
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        print(json.dumps(work()), flush=True)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
"""


def run(script: str, target: object) -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + script, json.dumps(target)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stderr == ""
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_child_of_a_parent_that_was_sending_sends_with_counts_of_its_own(receiver: Any) -> None:
    script = """
client = StatsClient("127.0.0.1", target)
client.incr("parent.first")
inside, go_on = threading.Event(), threading.Event()
outbox_run = client._outbox._turn.run

def hold():
    with client._lock, client._transport._lock, client._gauges._lock:
        outbox_run(1.0, lambda: (inside.set(), go_on.wait(20)), otherwise=None)

holder = threading.Thread(target=hold)
holder.start()
inside.wait(20)

def child():
    for _ in range(100):
        client.incr("child")
    client.gauge("depth", 1, delta=True)
    return client.stats()

in_child(child)
go_on.set()
holder.join(20)
client.incr("parent.last")
print(json.dumps(client.stats()))
"""
    child, parent = run(script, receiver.port)

    assert (child["lines"], child["datagrams_waiting"], child["lines_dropped"]) == (101, 0, {})
    assert (parent["lines"], parent["lines_dropped"]) == (2, {})
    taken = receiver.take(103)
    assert taken.count(b"child:1|c") == 100


def test_what_waits_in_the_parent_is_not_sent_by_its_child_too(tmp_path: Path) -> None:
    path = str(tmp_path / "dsd.socket")
    script = """
client = StatsClient(socket_path=target)
calls = 0
while client.stats()["datagrams_waiting"] < 5:
    client.incr("jobs")
    calls += 1

def child():
    waiting = client.stats()["datagrams_waiting"]
    client.close()
    return {"waiting": waiting, "stats": client.stats()}

in_child(child)
print(json.dumps({"calls": calls, "stats": client.stats()}))
"""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as agent:
        agent.bind(path)
        child, parent = run(script, path)

    assert child["waiting"] == 0
    assert child["stats"]["lines_dropped"] == {}
    assert parent["stats"]["datagrams_waiting"] == 5
    assert parent["stats"]["lines"] == parent["calls"] - 5


def test_child_gets_a_connection_of_its_own_to_a_stream(tmp_path: Path) -> None:
    path = str(tmp_path / "dsd.socket")
    script = """
client = StatsClient(socket_path=target)
client.incr("parent")
in_child(lambda: (client.incr("child"), client.stats()["lines"]))
client.incr("parent")
"""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
        agent.bind(path)
        agent.listen(4)
        agent.settimeout(5)
        assert run(script, path) == [[None, 1]]
        streams = []
        for _ in range(2):
            connection, _ = agent.accept()
            with connection:
                streams.append(b"".join(iter(lambda: connection.recv(100), b"")))

    frame = b"\x0a\x00\x00\x00parent:1|c"
    assert streams == [frame * 2, b"\x09\x00\x00\x00child:1|c"]


def test_child_of_a_parent_that_still_asked_dns_asks_itself(receiver: Any) -> None:
    script = """
from functools import partial
from queue_telemetry.statsd import _resolver

answer = threading.Event()
look_up = _resolver.look_up

def slow(host, port, kind, *, family, numeric=False):
    if numeric:
        return look_up(host, port, kind, family=family, numeric=True)
    answer.wait(20)
    return look_up("127.0.0.1", port, kind, family=family)

_resolver.look_up = slow
client = StatsClient("agent.invalid", target)
client.incr("lost")

def child():
    answer.set()
    found = client.await_address(20)
    client.incr("child")
    return [found, client.stats()["lines"]]

in_child(child)
answer.set()
print(json.dumps(client.await_address(20)))
"""
    assert run(script, receiver.port) == [[True, 1], True]
    assert receiver.take(1) == [b"child:1|c"]


def test_closed_client_stays_closed_in_a_child(receiver: Any) -> None:
    script = """
client = StatsClient("127.0.0.1", target)
client.close()
in_child(lambda: (client.incr("late"), client.stats()["lines_dropped"]))
"""
    assert run(script, receiver.port) == [[None, {"closed": 1}]]
