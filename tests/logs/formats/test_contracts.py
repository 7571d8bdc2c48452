"""Each format through the real sender: the request that a collector sees, and what its answers come to."""

import gzip
import json
import logging
from collections.abc import Callable, Iterator

import httpx
import pytest
import respx

from queue_telemetry._runtime import SYSTEM_CLOCK, guarded
from queue_telemetry.logs._endpoint import Endpoint
from queue_telemetry.logs._sender import HttpSender
from queue_telemetry.logs._verdict import Action, Rejection, Verdict
from queue_telemetry.logs.formats import FORMATS

Lines = Callable[..., bytearray]
_BULK = "/_bulk?filter_path=errors,items.*.status,items.*.error.type,items.*.error.reason"


@pytest.fixture(autouse=True)
def mock() -> Iterator[respx.MockRouter]:
    with respx.mock(assert_all_called=False, using="httpcore") as router:
        yield router


def send(name: str, lines: bytearray, url: str = "https://c.test") -> Verdict:
    """Do what the shipper does for one batch of four records."""
    wire_format = FORMATS[name](url)
    sender = HttpSender(Endpoint.parse(url, "t0k3n", {}, wire_format), clock=SYSTEM_CLOCK)
    try:
        answer = sender.send(wire_format.body(lines))
    finally:
        sender.close()
    return wire_format.read(answer, 4)


@pytest.mark.parametrize(
    ("name", "path", "content_type", "authorization", "answer"),
    [
        ("ndjson", "/", "application/x-ndjson", ("authorization", "Bearer t0k3n"), httpx.Response(200)),
        ("json", "/", "application/json", ("authorization", "Bearer t0k3n"), httpx.Response(201)),
        (
            "datadog",
            "/api/v2/logs",
            "application/json",
            ("dd-api-key", "t0k3n"),
            httpx.Response(202, json={}),
        ),
        (
            "loki",
            "/loki/api/v1/push",
            "application/json",
            ("authorization", "Bearer t0k3n"),
            httpx.Response(204),
        ),
        (
            "elasticsearch",
            _BULK,
            "application/x-ndjson",
            ("authorization", "ApiKey t0k3n"),
            httpx.Response(200, json={"errors": False}),
        ),
        (
            "splunk",
            "/services/collector/event",
            "application/json",
            ("authorization", "Splunk t0k3n"),
            httpx.Response(200, json={"text": "Success", "code": 0}),
        ),
        (
            "otlp",
            "/v1/logs",
            "application/json",
            ("authorization", "Bearer t0k3n"),
            httpx.Response(200, json={"partialSuccess": None}),
        ),
    ],
)
def test_the_request_and_a_full_success(
    mock: respx.MockRouter,
    lines: Lines,
    name: str,
    path: str,
    content_type: str,
    authorization: tuple[str, str],
    answer: httpx.Response,
) -> None:
    route = mock.post(host="c.test").mock(return_value=answer)
    batch = lines({}, {}, {}, {})

    verdict = send(name, batch)

    assert Verdict(Action.DECIDED) == verdict
    (call,) = route.calls
    key, value = authorization
    assert (f"https://c.test{path}", content_type, "gzip", value) == (
        str(call.request.url),
        call.request.headers["content-type"],
        call.request.headers["content-encoding"],
        call.request.headers[key],
    )
    assert FORMATS[name]("").body(batch) == gzip.decompress(call.request.content)


_ITEMS = [{"create": {"status": status}} for status in (201, 429, 400, 409)]


@pytest.mark.parametrize(
    ("name", "answer", "verdict"),
    [
        (
            "elasticsearch",
            httpx.Response(200, json={"errors": True, "items": _ITEMS}),
            Verdict(Action.DECIDED, (Rejection(2, 400, ""),), (1,)),
        ),
        (
            "elasticsearch",
            httpx.Response(
                200,
                headers={"content-encoding": "gzip"},
                stream=httpx.ByteStream(
                    gzip.compress(json.dumps({"errors": True, "items": _ITEMS}).encode())
                ),
            ),
            Verdict(Action.DECIDED, (Rejection(2, 400, ""),), (1,)),
        ),
        (
            "splunk",
            httpx.Response(400, content=b'{"code":6,"invalid-event-number":1}'),
            Verdict(
                Action.DECIDED,
                (Rejection(1, 400, '{"code":6,"invalid-event-number":1}'),),
                (2, 3),
                excerpt='{"code":6,"invalid-event-number":1}',
            ),
        ),
        ("splunk", httpx.Response(503, content=b'{"code":9}'), Verdict(Action.RETRY, excerpt='{"code":9}')),
        (
            "otlp",
            httpx.Response(200, json={"partialSuccess": {"rejectedLogRecords": "3", "errorMessage": "old"}}),
            Verdict(Action.DECIDED, unnamed=3, excerpt="old"),
        ),
        (
            "loki",
            httpx.Response(400, content=b"2 errors like: timestamp too old"),
            Verdict(Action.DECIDED, unnamed=2, excerpt="2 errors like: timestamp too old"),
        ),
        (
            "datadog",
            httpx.Response(403, content=b'{"status":"error"}'),
            Verdict(Action.PARK, excerpt='{"status":"error"}'),
        ),
        ("json", httpx.Response(503, content=b"full"), Verdict(Action.RETRY, excerpt="full")),
        ("ndjson", httpx.Response(413), Verdict(Action.SPLIT)),
        ("ndjson", httpx.Response(400, content=b"line 2"), Verdict(Action.BISECT, excerpt="line 2")),
    ],
)
def test_partial_and_failing_answers(
    mock: respx.MockRouter, lines: Lines, name: str, answer: httpx.Response, verdict: Verdict
) -> None:
    mock.post(host="c.test").mock(return_value=answer)

    assert verdict == send(name, lines({}, {}, {}, {}))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("status", [200, 302, 400, 403, 413, 503])
def test_no_line_of_any_library_holds_a_secret(
    mock: respx.MockRouter, lines: Lines, caplog: pytest.LogCaptureFixture, name: str, status: int
) -> None:
    mock.post(host="c.test").mock(return_value=httpx.Response(status, content=b"PAYL0AD"))
    with caplog.at_level(logging.DEBUG), guarded():
        send(name, lines({"message": "PAYL0AD"}), "https://user:pa55@c.test/?key=K3Y")

    shown = "\n".join(record.getMessage() for record in caplog.records)
    assert not [
        secret for secret in ("pa55", "K3Y", "t0k3n", "PAYL0AD", "dXNlcj", "c.test/") if secret in shown
    ]
    assert not [record for record in caplog.records if record.levelno >= logging.INFO]
