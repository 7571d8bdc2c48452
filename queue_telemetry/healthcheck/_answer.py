"""What a probe's request is answered, whatever server carries it. Pure but for the report that it asks for.

The answers are public. They hold verdicts, counts, durations, the names of error and task types, the service and its
version; never an error's message, and of the telemetry state only numbers, since its texts may name hosts and URLs.
`?verbose` shows those too, to who knows the token. `/metrics` shows the names and tag values that metrics have anyway.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from typing import Final

import orjson

from queue_telemetry._runtime import say
from queue_telemetry.healthcheck._accept import prefers
from queue_telemetry.healthcheck.report import HealthReport

__all__ = ["METRICS", "Answer", "Exposition", "Probes", "Request"]

METRICS: Final = "/metrics"
_VERDICTS: Final = frozenset({"/livez", "/readyz", "/healthz"})
_METHODS: Final = ("GET", "HEAD")
_JSON: Final = "application/json"
_HEALTH_JSON: Final = "application/health+json"
_TEXT: Final = "text/plain"
_OPEN_METRICS: Final = "application/openmetrics-text"
_EXTRA_MISSING: Final = b'{"error":"metrics need prometheus_client: pip install queue-telemetry[prometheus]"}'
_NO: Final = frozenset({"0", "false", "no"})

Exposition = Callable[[bool], tuple[bytes, str] | None]
"""Writes all metrics, in OpenMetrics' form or the older one; with its content type. None where what it needs is missing."""


@dataclass(frozen=True, slots=True)
class Request:
    """What matters of an HTTP request.

    Attributes:
        method: Upper case.
        path: Below where the application is mounted, decoded.
        query: Behind the `?`, as it came.
        accept: The Accept header, empty without one.
        authorization: The Authorization header, empty without one.
    """

    method: str
    path: str
    query: str = ""
    accept: str = ""
    authorization: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response.

    Attributes:
        status: 200, 400, 401, 403, 404, 405, 431, 500, 501 or 503.
        body: To be left out of the response to HEAD, whose headers are those of GET.
        content_type: Of the body.
        more_headers: Those that only some answers have.
    """

    status: int
    body: bytes
    content_type: str = _JSON
    more_headers: Mapping[str, str] = field(default_factory=dict)

    def headers(self) -> list[tuple[str, str]]:
        """Return all headers but those of the connection. Nothing is to be cached, or taken for another type."""
        return [
            ("Content-Type", self.content_type),
            ("Content-Length", str(len(self.body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *self.more_headers.items(),
        ]


@dataclass(frozen=True, slots=True)
class Probes:
    """Answers `/livez`, `/readyz`, `/healthz` and, where there are any, `/metrics`.

    Attributes:
        report: Makes the report of now.
        metrics: Writes the metrics; None for an application without them, where the path is not found.
        token: Tells the token that opens `?verbose` on `/healthz`; None for nobody.
        verdict: Makes a report whose verdict and reasons are of now, and whose counts may be left out: they are not
            shown on `/livez` and `/readyz`. None to use `report`.
    """

    report: Callable[[], HealthReport]
    metrics: Exposition | None = None
    token: Callable[[], str | None] = lambda: None
    verdict: Callable[[], HealthReport] | None = None

    def answer(self, request: Request) -> Answer:
        """Answer one request. Must not raise.

        Where the report fails, `/livez` still says yes: a fault in the telemetry is no reason to restart the application.
        """
        is_metrics = request.path == METRICS and self.metrics is not None
        if not is_metrics and request.path not in _VERDICTS:
            return Answer(404, b'{"error":"not found"}')
        if request.method not in _METHODS:
            return Answer(405, b'{"error":"method not allowed"}', more_headers={"Allow": ", ".join(_METHODS)})
        try:
            return self._exposition(request.accept) if is_metrics else self._verdict(request)
        except Exception as error:  # noqa: BLE001 - the application's probes and values run inside
            say("health_report", "%.20s failed with %s", request.path, type(error).__name__)
            return _failed(request.path)

    def _verdict(self, request: Request) -> Answer:
        if request.path == "/healthz":
            return self._whole_report(request)
        report = (self.verdict or self.report)()
        name, good = ("live", report.live) if request.path == "/livez" else ("ready", report.ready)
        body = {"status": report.status.value, name: good, "reasons": list(map(str, report.reasons))}
        return Answer(200 if good else 503, orjson.dumps(body))

    def _whole_report(self, request: Request) -> Answer:
        vary = {"Vary": "Accept"}
        report = (
            self.report()
        )  # first: it reads the settings, and so the token, where nothing has done so yet
        if _asks_for_all(request.query):
            return _refusal(self.token(), request.authorization) or Answer(
                report.http_status, orjson.dumps(report.as_dict()), more_headers=vary
            )
        if prefers(request.accept, _HEALTH_JSON, _JSON):
            return Answer(report.http_status, report.as_health_json(), _HEALTH_JSON, vary)
        return Answer(report.http_status, orjson.dumps(_public(report)), more_headers=vary)

    def _exposition(self, accept: str) -> Answer:
        assert self.metrics is not None
        written = self.metrics(prefers(accept, _OPEN_METRICS, _TEXT))
        return Answer(501, _EXTRA_MISSING) if written is None else Answer(200, *written, {"Vary": "Accept"})


def _failed(path: str) -> Answer:
    if path == "/livez":
        return Answer(200, b'{"live":true,"reasons":["report_failed"]}')
    if path == METRICS:
        return Answer(500, b'{"error":"metrics failed"}')
    return Answer(503, b'{"status":"unhealthy","ready":false,"reasons":["report_failed"]}')


def _asks_for_all(query: str) -> bool:
    """Tell whether a query has `verbose` in it, bare or with a value that is no no."""
    pairs = (part.partition("=") for part in query.split("&"))
    return any(name == "verbose" and value.lower() not in _NO for name, _, value in pairs)


def _refusal(token: str | None, authorization: str) -> Answer | None:
    """Return what is answered to who may not see all; None when he may.

    Source: https://www.rfc-editor.org/rfc/rfc6750#section-2.1
    """
    if not token:
        return Answer(403, b'{"error":"verbose is off: no HEALTH_TOKEN is set"}')
    scheme, _, given = authorization.partition(" ")
    known = compare_digest(given.strip().encode("utf-8", "replace"), token.encode())  # in constant time
    if known and scheme.lower() == "bearer":
        return None
    return Answer(401, b'{"error":"unauthorized"}', more_headers={"WWW-Authenticate": "Bearer"})


def _public(report: HealthReport) -> dict[str, object]:
    shown = report.as_dict()
    errors = shown["errors"]
    assert isinstance(errors, list)
    for group in errors:
        del group["sample"]
    shown["telemetry"] = _numbers(shown["telemetry"])
    return shown


def _numbers(value: object) -> object:
    """Keep numbers and booleans of nested dictionaries."""
    if not isinstance(value, dict):
        return value
    return {key: _numbers(inner) for key, inner in value.items() if isinstance(inner, int | float | dict)}
