"""Splunk's HTTP Event Collector."""

import json
from collections.abc import Callable

import pytest

from queue_telemetry.logs._answer import Answer, Failure
from queue_telemetry.logs._verdict import Action, Rejection, Verdict
from queue_telemetry.logs.formats import SplunkFormat

Lines = Callable[..., bytearray]


def said(status: int, **body: object) -> Answer:
    return Answer(status, body=json.dumps(body).encode())


def test_the_exact_bytes_of_two_records(lines: Lines) -> None:
    first, second = lines({}), lines({"host": None, "service": None, "timestamp": None})

    assert (
        b'{"time":1762337730.123,"host":"h1","source":"billing","sourcetype":"_json","event":%b}'
        b'{"sourcetype":"_json","event":%b}'
    ) % (bytes(first[:-1]), bytes(second[:-1])) == SplunkFormat().body(first + second)


def test_the_token_has_splunks_own_scheme() -> None:
    assert {"authorization": "Splunk t"} == SplunkFormat().authorization("t")


def test_what_is_before_an_invalid_event_is_stored_and_what_is_after_goes_again() -> None:
    answer = said(400, text="Invalid data format", code=6, **{"invalid-event-number": 2})
    excerpt = '{"text": "Invalid data format", "code": 6, "invalid-event-number": 2}'

    assert Verdict(
        Action.DECIDED, (Rejection(2, 400, excerpt),), (3, 4), excerpt=excerpt
    ) == SplunkFormat().read(answer, 5)


@pytest.mark.parametrize("place", [5, -1, True, "2", None, 2.0, [2]])
def test_a_place_that_is_none_is_searched_for(place: object) -> None:
    answer = said(400, code=6, **{"invalid-event-number": place})

    assert Action.BISECT is SplunkFormat().read(answer, 5).action


@pytest.mark.parametrize(
    ("answer", "action"),
    [
        (said(200, text="Success", code=0), Action.DECIDED),
        (Answer(200), Action.DECIDED),
        (said(200, code=9), Action.RETRY),
        (said(200, text="Invalid data format", code=6), Action.BISECT),
        (said(200, code=7), Action.PARK),
        (said(400, code=5), Action.BISECT),
        (said(400, code=7, **{"invalid-event-number": 1}), Action.PARK),
        (said(400, code=10), Action.PARK),
        (said(400, code=[7]), Action.BISECT),
        (said(401, code=3), Action.PARK),
        (said(403, code=4), Action.PARK),
        (said(413), Action.SPLIT),
        (said(429, code=26), Action.RETRY),
        (said(500, code=8), Action.RETRY),
        (said(503, code=9), Action.RETRY),
        (Answer(None, Failure.TLS), Action.PARK),
    ],
)
def test_answers(answer: Answer, action: Action) -> None:
    assert action is SplunkFormat().read(answer, 3).action
