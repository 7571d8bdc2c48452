"""The probes as an ASGI application, to be mounted beside the user's own or served alone."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from queue_telemetry.healthcheck._answer import METRICS, Answer, Probes, Request

__all__ = ["ASGIApplication", "make_asgi_app"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApplication = Callable[[Message, Receive, Send], Awaitable[None]]


def make_asgi_app(probes: Probes) -> ASGIApplication:
    """Make an application that answers as the one of `make_wsgi_app` does.

    Verdicts are made on the event loop: they wait for nothing outside the host and take a fraction of a millisecond. Metrics
    take some when there are many series, so they are written on a thread of asyncio's pool; on another loop than asyncio's
    in place. A lifespan is acknowledged, a WebSocket refused.

    Args:
        probes: Asked once a request.

    Source: https://asgi.readthedocs.io/en/latest/specs/main.html
    """

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            request = _request(scope)
            await _send(await _answer(probes, request), request.method, send)
        elif kind == "lifespan":
            await _live(receive, send)
        elif kind == "websocket":
            await receive()
            await send(
                {"type": "websocket.close", "code": 1000, "reason": ""}
            )  # before accept: the server says 403
        else:
            raise NotImplementedError(f"scope type {kind!r}")  # the specification demands it

    return application


def _request(scope: Message) -> Request:
    path, root = scope["path"], scope.get("root_path", "").rstrip("/")
    if root and path.startswith(f"{root}/"):  # servers differ in whether the path has the prefix still
        path = path[len(root) :]
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = b", ".join((headers[name], value)) if name in headers else value
    return Request(
        scope["method"],
        path,
        scope.get("query_string", b"").decode("latin-1"),
        headers.get(b"accept", b"").decode("latin-1"),
        headers.get(b"authorization", b"").decode("latin-1"),
    )


async def _answer(probes: Probes, request: Request) -> Answer:
    if request.path == METRICS:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return probes.answer(request)
        return await loop.run_in_executor(None, probes.answer, request)
    return probes.answer(request)


async def _send(answer: Answer, method: str, send: Send) -> None:
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
