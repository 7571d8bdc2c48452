"""The bytes of one HTTP/1 exchange: a request's head read, an answer written. Pure but for the date."""

import re
from email.utils import formatdate
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

from queue_telemetry.healthcheck._answer import METRICS, Answer, Probes, Request
from queue_telemetry.healthcheck._connection import Work

__all__ = ["read_head", "respond", "write_answer"]

_MAX_HEAD_BYTES: Final = 8192  # of a request's line and headers: what most servers take
_MALFORMED: Final = Answer(400, b'{"error":"bad request"}')
_TOO_LARGE: Final = Answer(431, b'{"error":"request too large"}')

_REQUEST_LINE: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP/1\.[0-9]")
_LINE_END: Final = re.compile(r"\r?\n")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_ORIGIN: Final = re.compile(r"https?://[^/?]*", re.IGNORECASE)


def respond(probes: Probes, received: bytes | bytearray) -> bytes | Work | None:
    """Return the whole response to what has come of a request; None while its head is not complete.

    Metrics take milliseconds when there are many, so that it is their work that is returned.
    """
    found = _HEAD_END.search(received)
    if len(received) > _MAX_HEAD_BYTES and (found is None or found.end() > _MAX_HEAD_BYTES):
        return write_answer(_TOO_LARGE, "")
    if found is None:
        return None
    request = read_head(received[: found.start()])
    if request is None:
        return write_answer(_MALFORMED, "")
    if request.path == METRICS:
        return lambda: write_answer(probes.answer(request), request.method)
    return write_answer(probes.answer(request), request.method)


def read_head(head: bytes | bytearray) -> Request | None:
    """Return what a head asks for; None when it is none of HTTP/1.

    Source: https://www.rfc-editor.org/rfc/rfc9112#name-request-line
    """
    line, *fields = _LINE_END.split(head.decode("latin-1"))
    found = _REQUEST_LINE.fullmatch(line)
    if found is None:
        return None
    headers: dict[str, str] = {}
    for one in fields:
        name, _, value = one.partition(":")
        known = headers.get(name.lower())
        headers[name.lower()] = value.strip() if known is None else f"{known}, {value.strip()}"
    path, _, query = _ORIGIN.sub("", found[2], count=1).partition("?")
    return Request(
        found[1], unquote(path), query, headers.get("accept", ""), headers.get("authorization", "")
    )


def write_answer(answer: Answer, method: str) -> bytes:
    """Return a response after which the connection is closed; that to HEAD without a body.

    Source: https://www.rfc-editor.org/rfc/rfc9112
    """
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in answer.headers()]
    lines += [f"Date: {formatdate(usegmt=True)}", "Connection: close", "\r\n"]
    head = "\r\n".join(lines).encode("latin-1")
    return head if method == "HEAD" else head + answer.body
