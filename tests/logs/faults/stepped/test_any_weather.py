"""The law for any weather: whatever a collector does and however often one starts again, each record arrives or is counted."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queue_telemetry.logs import Storage
from queue_telemetry.logs._answer import Failure

Step = Callable[..., Any]
Event = tuple[str, Any]

_STATUSES = [200, 204, 307, 400, 401, 408, 413, 422, 429, 500, 503]
_LOST = ["CLOSE", "RESET"]  # with the batch kept: the collector has it, and nobody can tell
_MOST_EVENTS = 30
_EVENTS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 60)),
    st.tuples(st.just("append errors"), st.integers(1, 5)),
    st.tuples(st.just("append poison"), st.just(1)),
    st.tuples(st.just("answer"), st.sampled_from([*_STATUSES, *_LOST, "CLOSE unheard"])),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 1.0, 70.0])),
    st.tuples(st.just("start again"), st.none()),
)


class Weather:
    """Plays events to one pipeline after another, and keeps what the collector did beside what became of the records."""

    def __init__(self, server: Any, reply: Any, deed: Any, start: Callable[[float], Any]) -> None:
        self.logged = 0
        self.poisoned: set[int] = set()
        self.doubled = 0
        self.delivered = 0
        self.given_up = 0
        self.pending = 0
        self._answers: list[Any] = []
        self._server, self._reply, self._deed, self._start = server, reply, deed, start
        server.stored.clear()
        server.usual = self._react
        self._shipping = start(0.0)

    def play(self, events: Sequence[Event]) -> None:
        for what, value in events:
            if what.startswith("append"):
                self._append(what, value)
            elif what == "answer":
                self._answers.append(value)
            elif what == "wait":
                self._shipping.run(value)
                self._shipping.now_s += 0.1
            else:
                self.start_again()

    def calm_down(self) -> None:
        """Answer everything well from now on, until nothing is pending and nothing is left to adopt.

        One more record shows each collector's mind: nothing is given up before it took one.
        """
        self._answers.clear()
        self._append("append", 1)
        for _ in range(_MOST_EVENTS + 1):  # each takes over what one start left, at least
            self._shipping.run(100_000)
            self._shipping.now_s += 70
            self._shipping.pipeline.step()
        self._shipping.run(100_000)

    def start_again(self) -> None:
        self.close()
        self._shipping = self._start(self._shipping.now_s)

    def close(self) -> None:
        self._shipping.pipeline.close(0.5)
        account = self._shipping.account()
        # cut off at the end of its time, a request may have arrived all the same
        if account["last_error"] == Failure.ABORTED:
            self.doubled += len(self._server.requests[-1].lines)
        self.delivered += account["delivered"]
        self.given_up += sum(account["dropped"].values())
        self.pending = account["pending"]

    def _append(self, what: str, count: int) -> None:
        numbers = range(self.logged, self.logged + count)
        self.logged += count
        if what == "append poison":
            self.poisoned.update(numbers)
        self._shipping.append(
            numbers, "POISON" if what == "append poison" else "said", severe=what == "append errors"
        )

    def _react(self, request: Any) -> Any:
        if b"POISON" in request.body:
            return self._reply(400)
        answer = self._answers.pop(0) if self._answers else 200
        if answer == "CLOSE unheard":
            return self._deed.CLOSE
        if isinstance(answer, int):
            return self._reply(answer)
        self._server.stored.extend(request.lines)
        self.doubled += len(request.lines)
        return self._deed[answer]


@contextmanager
def _folder() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield Path(folder) / "spool"


@pytest.mark.parametrize("durability", ["memory", "spill", "wal"])
@given(
    events=st.lists(_EVENTS, min_size=3, max_size=_MOST_EVENTS),
    batch_bytes=st.sampled_from([1024, 4096, 1024 * 1024]),
    batches_in_memory=st.sampled_from([2, 32]),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_record_arrives_or_is_counted(
    server: Any,
    reply: Any,
    deed: Any,
    step: Step,
    durability: Any,
    events: list[Event],
    batch_bytes: int,
    batches_in_memory: int,
) -> None:
    with _folder() as folder:
        storage = Storage(folder, durability)
        weather = Weather(
            server,
            reply,
            deed,
            lambda now_s: step(
                now_s,
                batch_bytes=batch_bytes,
                max_memory_bytes=batches_in_memory * batch_bytes,
                storage=storage,
            ),
        )
        weather.play(events)
        weather.calm_down()
        weather.close()
        left = list(folder.rglob("*.seg"))

    stored = Counter(json.loads(line)["n"] for line in server.stored)
    assert (0, []) == (weather.pending, left)
    assert weather.logged == weather.delivered + weather.given_up
    assert len({*range(weather.logged)} - stored.keys()) <= weather.given_up
    assert weather.delivered <= sum(stored.values())
    assert not stored.keys() & weather.poisoned
    assert sum(stored.values()) - len(stored) <= weather.doubled
