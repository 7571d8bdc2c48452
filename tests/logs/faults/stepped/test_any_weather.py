"""The law for any weather: whatever a collector does, in whatever order, each record arrives or is counted."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queue_telemetry.logs import Storage

Step = Callable[..., Any]
_STATUSES = [200, 204, 307, 400, 401, 408, 413, 422, 429, 500, 503]
_LOST = ["CLOSE", "RESET"]  # with the batch kept: the collector has it, and nobody can tell


@st.composite
def _weathers(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """Batches of records, answers that are given once, and pauses, in any order."""
    return draw(
        st.lists(
            st.one_of(
                st.tuples(st.just("append"), st.integers(1, 60)),
                st.tuples(st.just("answer"), st.sampled_from([*_STATUSES, *_LOST, "SILENT_CLOSE"])),
                st.tuples(st.just("wait"), st.sampled_from([0.1, 1.0, 70.0])),
                st.tuples(st.just("poison"), st.just(1)),
            ),
            min_size=3,
            max_size=30,
        )
    )


@pytest.mark.parametrize("durability", ["memory", "spill", "wal"])
@given(weather=_weathers(), batch_bytes=st.sampled_from([1024, 4096, 1024 * 1024]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_record_arrives_or_is_counted(
    server: Any,
    reply: Any,
    deed: Any,
    step: Step,
    durability: Any,
    weather: list[tuple[str, Any]],
    batch_bytes: int,
) -> None:
    server.script.clear()
    server.stored.clear()
    doubled: list[bytes] = []

    def lose(request: Any, how: str) -> Any:
        server.stored.extend(request.lines)
        doubled.extend(request.lines)
        return deed[how]

    def react(request: Any) -> Any:
        if b"POISON" in request.body:
            return reply(400)
        if not answers:
            return reply()
        answer = answers.pop(0)
        if answer == "SILENT_CLOSE":
            return deed.CLOSE
        return lose(request, answer) if isinstance(answer, str) else reply(answer)

    answers: list[Any] = []
    server.usual = react
    logged = 0
    poisoned = set()
    with TemporaryDirectory() as folder:
        shipping = step(batch_bytes=batch_bytes, storage=Storage(Path(folder) / "spool", durability))
        for what, value in weather:
            if what == "append":
                shipping.append(range(logged, logged + value))
                logged += value
            elif what == "poison":
                shipping.append([logged], text="POISON")
                poisoned.add(logged)
                logged += 1
            elif what == "answer":
                answers.append(value)
            else:
                shipping.run(value)
                shipping.now_s += 0.1
        account = shipping.run(100_000)
        shipping.pipeline.close(0.5)
        left = list((Path(folder) / "spool").rglob("*.seg"))

    stored = Counter(json.loads(line)["n"] for line in server.stored)
    given_up = sum(account["dropped"].values())
    assert (logged, 0) == (account["accepted"], account["pending"])
    assert logged == account["delivered"] + given_up
    assert len({*range(logged)} - stored.keys()) <= given_up
    assert account["delivered"] <= len(stored)
    assert not stored.keys() & poisoned
    assert sum(stored.values()) - len(stored) <= len(doubled)
    assert [] == left
