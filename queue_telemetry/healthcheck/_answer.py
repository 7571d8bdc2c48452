"""What a probe's request is answered, whatever server carries it. Pure but for the report that it asks for.

The answers are public. They hold verdicts, counts, durations, the names of error and task types, the service and its
version; never an error's message, and of the telemetry state only numbers, since its texts may name hosts and URLs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import orjson

from queue_telemetry._runtime import say
from queue_telemetry.healthcheck.report import HealthReport

__all__ = ["Answer", "answer"]

_PATHS: Final = frozenset({"/livez", "/readyz", "/healthz"})
_METHODS: Final = ("GET", "HEAD")
_JSON: Final = "application/json"
_HEALTH_JSON: Final = "application/health+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response.

    Attributes:
        status: 200, 404, 405 or 503.
        body: JSON; to be left out of the response to HEAD, whose headers are those of GET.
        content_type: Of the body.
        headers: Further ones.
    """

    status: int
    body: bytes
    content_type: str = _JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(report: Callable[[], HealthReport], method: str, path: str, accept: str) -> Answer:
    """Answer one request. Must not raise.

    Where *report* raises, `/livez` still says yes: a fault in the telemetry is no reason to restart the application.

    Args:
        report: Makes the report; asked only for a known path.
        method: Upper case.
        path: Below where the application is mounted: `/livez`, `/readyz` or `/healthz`.
        accept: The Accept header; `/healthz` knows `application/health+json` beside plain JSON.
    """
    if path not in _PATHS:
        return Answer(404, b'{"error":"not found"}')
    if method not in _METHODS:
        return Answer(405, b'{"error":"method not allowed"}', headers={"Allow": ", ".join(_METHODS)})
    try:
        return _verdict(report(), path, accept)
    except Exception as error:  # noqa: BLE001 - the application's probes and values run inside
        say("health_report", "the health report failed with %s", type(error).__name__)
        if path == "/livez":
            return Answer(200, b'{"live":true,"reasons":["report_failed"]}')
        return Answer(503, b'{"status":"unhealthy","ready":false,"reasons":["report_failed"]}')


def _verdict(report: HealthReport, path: str, accept: str) -> Answer:
    if path == "/healthz":
        vary = {"Vary": "Accept"}
        if _HEALTH_JSON in accept:
            return Answer(report.http_status, report.as_health_json(), _HEALTH_JSON, vary)
        return Answer(report.http_status, orjson.dumps(_public(report)), headers=vary)
    name, good = ("live", report.live) if path == "/livez" else ("ready", report.ready)
    body = {"status": report.status.value, name: good, "reasons": list(map(str, report.reasons))}
    return Answer(200 if good else 503, orjson.dumps(body))


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
