"""The same trouble with records on disk: what an answer decides holds for what waits there, and nothing stays behind."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from queue_telemetry.logs import Storage

Step = Callable[..., Any]


@pytest.fixture(params=["memory", "spill", "wal"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return Storage(tmp_path / "spool", request.param)


def _segments(storage: Storage) -> list[Path]:
    return sorted(storage.folder.rglob("*.seg"))


def _letters(storage: Storage) -> list[dict[str, Any]]:
    files = [path for path in storage.folder.rglob("*") if "dead" in path.name and path.is_file()]
    return [json.loads(line) for path in files for line in path.read_text().splitlines()]


def test_an_outage_is_survived_in_order_and_leaves_no_segment(
    unheard: Any, step: Step, storage: Storage
) -> None:
    shipping = step(batch_bytes=4096, storage=storage)
    shipping.append(range(500))
    assert 500 == shipping.run(600)["pending"]
    assert (storage.durability != "memory") == bool(_segments(storage))
    unheard.start()

    account = shipping.run()

    assert list(range(500)) == unheard.numbers()
    assert (500, {}) == (account["delivered"], account["dropped"])
    assert shipping.pipeline.close(1.0)
    assert [] == _segments(storage)


def test_what_came_during_an_outage_comes_after_what_came_before(
    server: Any, reply: Any, step: Step, storage: Storage
) -> None:
    server.script += [reply(503)] * 6
    shipping = step(batch_bytes=2048, storage=storage)
    for start in range(0, 400, 50):
        shipping.append(range(start, start + 50))
        shipping.run(1.0)

    account = shipping.run()

    assert list(range(400)) == server.numbers()
    assert (400, {}) == (account["delivered"], account["dropped"])


def test_batches_that_are_too_large_are_split(server: Any, reply: Any, step: Step, storage: Storage) -> None:
    server.script += [reply(503)] * 4  # long enough for them to be on disk when they are split
    server.usual = lambda request: reply(413 if len(request.body) > 3_000 else 200)
    shipping = step(storage=storage)
    shipping.append(range(1_000))

    account = shipping.run()

    assert list(range(1_000)) == server.numbers()
    assert (1_000, {}) == (account["delivered"], account["dropped"])
    assert shipping.pipeline.close(1.0)
    assert [] == _segments(storage)


def test_what_is_never_taken_goes_to_the_dead_letters_with_the_reason(
    server: Any, reply: Any, step: Step, storage: Storage
) -> None:
    server.script += [reply(503)] * 4
    server.usual = lambda request: reply(
        400 if b"POISON" in request.body else 200, body=b"field n: no such sort of number"
    )
    shipping = step(storage=storage)
    for number in range(1_000):
        shipping.append([number], text="POISON" if number in {17, 900} else "said")

    account = shipping.run()

    assert sorted({*range(1_000)} - {17, 900}) == sorted(server.numbers())
    assert (998, {"dead_lettered": 2}) == (account["delivered"], account["dropped"])
    letters = _letters(storage)
    assert [17, 900] == sorted(letter["record"]["n"] for letter in letters)
    assert {400} == {letter["status"] for letter in letters}
    assert all("no such sort of number" in letter["excerpt"] for letter in letters)
    assert shipping.pipeline.close(1.0)
    assert [] == _segments(storage)


def test_what_was_named_by_a_partial_answer_goes_to_the_dead_letters(
    server: Any, reply: Any, step: Step, storage: Storage
) -> None:
    refused = {"status": 400, "error": {"type": "document_parsing_exception", "reason": "no date"}}
    busy = {"status": 429, "error": {"type": "es_rejected_execution_exception"}}
    items = [{"create": {0: refused, 5: busy}.get(place, {"status": 201})} for place in range(10)]
    server.script.append(reply(body=json.dumps({"errors": True, "items": items}).encode(), stored=[]))
    again: list[int] = []

    def take(request: Any) -> Any:
        again.extend(json.loads(line)["n"] for line in request.lines[1::2])
        return reply(body=b'{"errors":false}', stored=[])

    server.usual = take
    shipping = step(wire_format="elasticsearch", storage=storage)
    shipping.append(range(10))

    account = shipping.run()

    assert [5] == again
    assert (9, {"dead_lettered": 1}) == (account["delivered"], account["dropped"])
    (letter,) = _letters(storage)
    assert (0, 400) == (letter["record"]["n"], letter["status"])
    assert "no date" in letter["excerpt"]


def test_what_is_left_at_the_end_is_delivered_by_the_next_one(
    unheard: Any, step: Step, storage: Storage
) -> None:
    """In another process; here another pipeline after the first has let go of its folder."""
    first = step(batch_bytes=4096, storage=storage)
    first.append(range(300))
    first.run(60)
    first.pipeline.close(0.5)
    left = first.account()
    unheard.start()
    second = step(batch_bytes=4096, storage=storage)
    second.append(range(300, 310))
    second.run()
    second.now_s += 120
    second.pipeline.step()

    account = second.run()

    if storage.durability == "memory":
        assert {"shutdown": 300} == left["dropped"]
        assert list(range(300, 310)) == unheard.numbers()
    else:
        assert (300, {}) == (left["pending"], left["dropped"])
        assert {**dict.fromkeys(range(310), 1)} == Counter(unheard.numbers())
        assert (300, 310, {}) == (account["adopted"], account["delivered"], account["dropped"])
        assert second.pipeline.close(1.0)
        assert [] == _segments(storage)
