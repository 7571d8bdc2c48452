"""Collectors that take a part of a batch: what they took counts once, what they may take later comes again, the rest is counted."""

import json
from collections.abc import Callable
from typing import Any

import pytest

Step = Callable[..., Any]


class Elasticsearch:
    """Keeps each id once, as `create` does; is too busy for some records at first, and never takes what is poisoned."""

    def __init__(self, reply: Any, busy: set[int] | None = None) -> None:
        self.kept: dict[str, int] = {}
        self._reply = reply
        self._busy = busy or set()

    def __call__(self, request: Any) -> Any:
        lines = [json.loads(line) for line in request.lines]
        items = [
            {"create": self._create(action["create"]["_id"], document)}
            for action, document in zip(lines[::2], lines[1::2], strict=True)
        ]
        errors = any("error" in item["create"] for item in items)
        return self._reply(body=json.dumps({"errors": errors, "items": items}).encode(), stored=[])

    def _create(self, record_id: str, document: Any) -> dict[str, Any]:
        number = document["n"]
        if record_id in self.kept:
            return {"status": 409, "error": {"type": "version_conflict_engine_exception"}}
        if "POISON" in document["message"]:
            return {"status": 400, "error": {"type": "document_parsing_exception", "reason": "POISON"}}
        if number in self._busy:
            self._busy.discard(number)
            return {"status": 429, "error": {"type": "es_rejected_execution_exception"}}
        self.kept[record_id] = number
        return {"status": 201}


class Splunk:
    """Takes events up to the first that it cannot read, and says which one that was."""

    def __init__(self, reply: Any) -> None:
        self.kept: list[int] = []
        self._reply = reply

    def __call__(self, request: Any) -> Any:
        decoder, text, at = json.JSONDecoder(), request.body.decode(), 0
        for number in range(text.count('"event"')):
            event, at = decoder.raw_decode(text, at)
            if "POISON" in json.dumps(event):
                said = {"text": "Invalid data format", "code": 6, "invalid-event-number": number}
                return self._reply(400, body=json.dumps(said).encode())
            self.kept.append(event["event"]["n"])
        return self._reply(body=b'{"text":"Success","code":0}', stored=[])


def test_elasticsearch_gets_again_only_what_it_was_too_busy_for(server: Any, reply: Any, step: Step) -> None:
    server.usual = index = Elasticsearch(reply, busy={5, 50, 51, 99})
    shipping = step(wire_format="elasticsearch")
    shipping.append(range(100))

    account = shipping.run()

    assert list(range(100)) == sorted(index.kept.values())
    assert [200, 8] == [len(request.lines) for request in server.requests]
    assert (100, {}) == (account["delivered"], account["dropped"])


def test_elasticsearch_names_what_it_never_takes(server: Any, reply: Any, step: Step) -> None:
    server.usual = index = Elasticsearch(reply, busy={7})
    shipping = step(wire_format="elasticsearch")
    for number in range(100):
        shipping.append([number], text="POISON" if number in {0, 7, 99} else "said")

    account = shipping.run()

    assert [*range(1, 7), *range(8, 99)] == sorted(index.kept.values())
    assert (97, 3) == (account["delivered"], sum(account["dropped"].values()))
    assert 1 == len(server.requests)


def test_elasticsearch_stores_once_what_was_sent_twice(
    server: Any, reply: Any, deed: Any, step: Step
) -> None:
    """The answer got lost; the second time each record is there already, which is as good."""
    index = Elasticsearch(reply)

    def lose_the_first(request: Any) -> Any:
        answer = index(request)
        return answer if server.requests else deed.CLOSE

    server.usual = lose_the_first
    shipping = step(wire_format="elasticsearch")
    shipping.append(range(100))

    account = shipping.run()

    assert 2 == len(server.requests)
    assert 100 == len(index.kept)
    assert (100, {}) == (account["delivered"], account["dropped"])


def test_splunk_names_the_event_it_cannot_read_and_gets_those_after_it(
    server: Any, reply: Any, step: Step
) -> None:
    server.usual = index = Splunk(reply)
    shipping = step(wire_format="splunk")
    for number in range(100):
        shipping.append([number], text="POISON" if number in {0, 40, 41, 99} else "said")

    account = shipping.run()

    assert [number for number in range(100) if number not in {0, 40, 41, 99}] == index.kept
    assert (96, 4) == (account["delivered"], sum(account["dropped"].values()))
    assert len(server.requests) <= 5


def test_otlp_says_how_many_it_refused_and_gets_none_of_them_again(
    server: Any, reply: Any, step: Step
) -> None:
    said = {"partialSuccess": {"rejectedLogRecords": "3", "errorMessage": "too old"}}
    server.script.append(reply(body=json.dumps(said).encode(), stored=[]))
    shipping = step(wire_format="otlp")
    shipping.append(range(100))

    account = shipping.run()

    assert 1 == len(server.requests)
    assert (97, {"rejected": 3}) == (account["delivered"], account["dropped"])


def test_loki_keeps_what_is_right_before_it_says_400_and_gets_nothing_again(
    server: Any, reply: Any, step: Step
) -> None:
    said = b"entry with timestamp 2023-11-14 22:13:20 ignored, reason: 'entry too far behind'"
    server.script += [reply(204), reply(400, body=said)]
    shipping = step(wire_format="loki")
    shipping.append([0])
    shipping.run()
    shipping.append(range(1, 101))

    account = shipping.run()

    assert 2 == len(server.requests)
    assert 0 == account["pending"]
    assert 101 == account["delivered"] + account["dropped"]["rejected"]


@pytest.mark.parametrize("wire_format", ["json", "datadog", "loki", "elasticsearch", "splunk", "otlp"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"OK",
        b"\xff\x00",
        b"null",
        b"[]",
        b"[[[[",
        b'{"errors":true}',
        b'{"errors":true,"items":[]}',
        b'{"errors":true,"items":[{"create":{"status":"x"}},7,null,{"index":[]},{"create":{"status":429}}]}',
        b'{"errors":1,"items":{"create":1}}',
        b'{"partialSuccess":null}',
        b'{"partialSuccess":{"rejectedLogRecords":"-7"}}',
        b'{"partialSuccess":{"rejectedLogRecords":"999999999999999999999"}}',
        b'{"partialSuccess":{"rejectedLogRecords":[1]}}',
        b'{"code":6,"invalid-event-number":-1}',
        b'{"code":6,"invalid-event-number":1e9}',
        b'{"code":"6","invalid-event-number":"x"}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_whatever_an_answer_says_every_record_is_accounted_for_soon(
    server: Any, reply: Any, step: Step, wire_format: str, body: bytes, status: int
) -> None:
    server.script.append(reply(status, body=body, stored=[]))
    shipping = step(wire_format=wire_format)
    shipping.append(range(20))

    account = shipping.run()

    assert 0 == account["pending"]
    assert 20 == account["delivered"] + sum(account["dropped"].values())
    assert len(server.requests) <= 40
