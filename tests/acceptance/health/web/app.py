"""An application for web servers: does tasks when asked, and has the probes under `/ops`. Loaded before the workers fork."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import queue_telemetry as qt

qt.counter("loaded").increment()  # the process that loads it has threads before it forks


@qt.task("work", queue="web")
def work() -> None: ...


@qt.task("hang", queue="web", task_id="name")
def hang(name: str) -> None:
    """Leave word of whose task it is, and go on for a minute."""
    Path(f"hanging-{os.getpid()}").write_text(name)
    time.sleep(60)


@qt.task("work", queue="web")
async def async_work() -> None:
    await asyncio.sleep(0)


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Mount the probes as frameworks do, by moving the prefix; do a task for any other path that is known."""
    path = environ["PATH_INFO"]
    if path.startswith("/ops/"):
        return qt.wsgi_app(
            {**environ, "SCRIPT_NAME": "/ops", "PATH_INFO": path.removeprefix("/ops")}, start_response
        )
    tasks: dict[str, Callable[[], None]] = {"/work": work, "/hang": lambda: hang("h")}
    tasks[path]()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
    return [b"done"]


async def asgi(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    """The same for ASGI."""
    if scope["type"] != "http" or scope["path"].startswith("/ops/"):
        await qt.asgi_app({**scope, "root_path": "/ops"} if scope["type"] == "http" else scope, receive, send)
        return
    await async_work()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})
