"""What importing costs: nothing at first, everything at decoration, nothing more after."""

import json
import os
import pkgutil
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import queue_telemetry

_MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(queue_telemetry.__path__, "queue_telemetry.")
    if not module.name.endswith("__main__")
)
_WATCH = """
import faulthandler; faulthandler.dump_traceback_later(18, exit=True)
import json, logging, os, sys, threading
seen = []
sys.addaudithook(lambda event, args: seen.append((event, str(args))) if watching else None)
watching = False
read = []
class Watched(dict):
    def __getitem__(self, key):
        if watching: read.append(str(key))
        return super().__getitem__(key)
    def get(self, key, default=None):
        if watching: read.append(str(key))
        return super().get(key, default)
    def __iter__(self):
        if watching: read.append("*")
        return super().__iter__()
os.environ._data = Watched(os.environ._data)
"""
_SESSION = """
import asyncio, socket, subprocess, time
from loguru import logger
from queue_telemetry.testing import Collector, StatsdServer
logger.remove()
logger.add(lambda message: None)
known = set()

@qt.task
def ok():
    logger.info("x" * 2000)

@qt.task("bad", tags={"tier": "free"})
def bad():
    raise ValueError("boom")

@qt.task
async def later():
    await asyncio.sleep(0)

def session():
    with qt.worker("w1"), qt.enqueue("ok") as publish:
        pass
    with qt.claim("mail") as claim:
        claim.took("ok", headers=publish.headers)
        ok()
    try:
        bad()
    except ValueError:
        pass
    asyncio.run(later())
    qt.counter("mails", provider="ses").increment(0.5)
    qt.queue_size("mail").set(3)
    qt.oldest_task_age("mail").probe(lambda: 1.5)
    with qt.timer("render"):
        pass
    logger.opt(exception=ValueError("shown")).error("odd {}", object())

statsd, collector = StatsdServer(), Collector()
with statsd, collector:
    asyncio.run(later.__wrapped__())
    qt.wsgi_app
    known.update(sys.modules)
    qt.configure(
        statsd_host="localhost", statsd_port=statsd.port, log_url=URL or collector.url, state_dir="state",
        health_host="localhost", health_port=0, health_agent_port=0,
    )
    if not URL:
        collector.answer(503, headers={"Retry-After": "0"})
    session()
    qt.flush(3.0)
    qt.health().as_dict(), qt.health().as_health_json()
    while not (ports := qt.health().telemetry["probes"])["agent"]:
        time.sleep(0.01)
    for request in (b"GET /healthz HTTP/1.1\\r\\n\\r\\n", b"GET /metrics HTTP/1.1\\r\\nAccept: application/openmetrics-text\\r\\n\\r\\n"):
        with socket.create_connection(("127.0.0.1", int(ports["http"].rpartition(":")[2]))) as connection:
            connection.sendall(request)
            assert b" 200 OK" in connection.makefile("rb").readline()
    with socket.create_connection(("127.0.0.1", int(ports["agent"].rpartition(":")[2]))) as connection:
        assert connection.makefile("rb").read()
    child = os.fork()
    if not child:
        session()
        qt.flush(3.0)
        qt.close(3.0)
        os.write(1, json.dumps(sorted(set(sys.modules) - known)).encode() + b"\\n")
        os._exit(0)
    os.waitpid(child, 0)
    qt.close(3.0)
print(json.dumps(sorted(set(sys.modules) - known)))
"""


def _run(script: str, tmp_path: Path) -> list[Any]:
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("QUEUE_TELEMETRY_", "DD_", "STATSD_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=19,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_import_loads_nothing_heavy(tmp_path: Path) -> None:
    """Nothing of ours but the door, and none of what we stand on."""
    script = """
import json, sys
before = set(sys.modules)
import queue_telemetry
new = {name for name in set(sys.modules) - before if name.split(".")[0] not in sys.stdlib_module_names}
print(json.dumps([sorted(new), "asyncio" in sys.modules]))
"""
    assert [[["queue_telemetry"], False]] == _run(script, tmp_path)


def test_the_import_starts_reads_and_opens_nothing(tmp_path: Path) -> None:
    script = f"""{_WATCH}
handlers = list(logging.root.handlers)
watching = True
import queue_telemetry
watching = False
kinds = sorted({{event for event, args in seen if event.split(".")[0] in ("socket", "subprocess") or "thread" in event}})
written = [args for event, args in seen if event == "open" and ".py" not in args]
print(json.dumps([kinds, written, read, len(threading.enumerate()), handlers == logging.root.handlers]))
"""
    assert [[[], [], [], 1, True]] == _run(script, tmp_path)


def test_decoration_starts_and_opens_nothing_and_reads_no_setting(tmp_path: Path) -> None:
    """The libraries under us read their own variables as they load; ours and the borrowed ones stay unread."""
    script = f"""{_WATCH}
import queue_telemetry as qt
watching = True

@qt.task("a", queue="b", task_id="x", headers="headers", tags={{"tier": "free"}})
def handler(x, headers=None): pass

@qt.enqueue("a", headers="headers")
def send(headers=None): pass

@qt.timer("t")
def timed(): pass

qt.counter("c"), qt.gauge("g"), qt.queue_size("q"), qt.wsgi_app, qt.asgi_app, qt.worker("w"), qt.claim("q"), qt.run("r"), qt.current()
watching = False
from loguru import logger
opened = [event for event, _ in seen if event in ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.sendto")]
ours = [name for name in read if name.lstrip("b'").startswith(("QUEUE_TELEMETRY", "DD_", "STATSD_"))]
written = [args for event, args in seen if event == "open" and "'w" in args]
print(json.dumps([opened, ours, written, [t.name for t in threading.enumerate()], len(logger._core.handlers)]))
"""
    assert [[[], [], [], ["MainThread"], 1]] == _run(script, tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="http"),
        pytest.param("https://localhost:1/logs", id="https", marks=pytest.mark.acceptance),
    ],
)
def test_a_whole_session_imports_nothing_after_decoration(tmp_path: Path, url: str) -> None:
    """An import on a thread of ours, during a fork, would leave the child waiting for it for ever."""
    script = f"""
import faulthandler; faulthandler.dump_traceback_later(18, exit=True)
import json, os, sys
import queue_telemetry as qt
qt.task
URL = {url!r}
{_SESSION}"""
    assert [[], []] == _run(script, tmp_path)


def test_modules_import_in_any_order_and_functions_work_twice(tmp_path: Path) -> None:
    """No public function is replaced by a room of its name."""
    order = random.sample(_MODULES, len(_MODULES))
    script = f"""
import faulthandler; faulthandler.dump_traceback_later(18, exit=True)
import importlib, json
for name in {order!r}:
    importlib.import_module(name)
import queue_telemetry as qt
public = [name for name in qt.__all__ if callable(getattr(qt, name)) and not isinstance(getattr(qt, name), type)]
qt.configure(state_dir="state", statsd_port=9)
calls = {{
    "add_task_context": lambda: qt.add_task_context({{"extra": {{}}}}),
    "claim": lambda: qt.claim("q").__enter__().__exit__(None, None, None),
    "configure": lambda: qt.configure(state_dir="state", statsd_port=9),
    "counter": lambda: qt.counter("c").increment(),
    "enqueue": lambda: qt.enqueue("t").__enter__(),
    "gauge": lambda: qt.gauge("g").set(1),
    "oldest_task_age": lambda: qt.oldest_task_age("q").set(1),
    "on_alert": lambda: qt.on_alert(None),
    "queue_size": lambda: qt.queue_size("q").set(1),
    "run": lambda: qt.run("t").start().finish(),
    "task": lambda: qt.task(lambda: None)(),
    "timer": lambda: qt.timer("t").observe(1),
    "worker": lambda: qt.worker("w").__enter__().__exit__(None, None, None),
    "asgi_app": lambda: qt.asgi_app({{"type": "http", "path": "/livez", "method": "GET", "headers": []}}, None, None).close(),
    "wsgi_app": lambda: list(qt.wsgi_app({{"PATH_INFO": "/livez", "REQUEST_METHOD": "GET"}}, lambda *_: None)),
}}
for _ in range(2):
    for name in public:
        calls.get(name, getattr(qt, name))()
    for name in {order!r}:
        importlib.import_module(name)
print(json.dumps(sorted(set(calls) - set(public))))
"""
    assert [[]] == _run(script, tmp_path), order
