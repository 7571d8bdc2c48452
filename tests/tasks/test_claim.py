"""One delivery is claimed once and started once, however its run comes about."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry.api import Taken, Telemetry
from queue_telemetry.tasks import deliveries

CountsOf = Callable[[Telemetry, str], dict[str, int]]
SeriesOf = Callable[[Telemetry], dict[tuple[str, ...], int]]
ONCE = {"claimed": 1, "started": 1, "completed": 1}
TWICE = {"claimed": 2, "started": 2, "completed": 2}


def _in_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


@pytest.fixture
def handler(telemetry: Telemetry) -> Callable[..., Any]:
    @telemetry.task("work", task_id="task_id", headers="headers")
    def run(task_id: object = None, headers: object = None) -> object:
        return telemetry.current()

    return run


def test_a_handler_inside_the_claim_joins_it(
    handler: Callable[..., Any], telemetry: Telemetry, counts_of: CountsOf
) -> None:
    with telemetry.claim("mail") as claim:
        claim.took("work", task_id="a", headers={"qt-attempt": "4"})
        run = handler()

    assert ("mail", "a", 4) == (run.queue, run.task_id, run.attempt)
    assert ONCE == counts_of(telemetry, "work")
    assert telemetry.current() is None


def test_a_run_inside_the_claim_joins_it(telemetry: Telemetry, counts_of: CountsOf) -> None:
    with telemetry.claim("mail") as claim:
        claim.took("work")
        with telemetry.run("work") as run:
            assert "mail" == run.queue

    assert ONCE == counts_of(telemetry, "work")


def test_a_run_in_another_thread_joins_by_with_taken(
    handler: Callable[..., Any], telemetry: Telemetry, counts_of: CountsOf
) -> None:
    def work(taken: Taken) -> None:
        with taken:
            assert "mail" == handler().queue
        assert telemetry.current() is None

    with telemetry.claim("mail") as claim:
        taken = claim.took("work")
    _in_thread(lambda: work(taken))

    assert ONCE == counts_of(telemetry, "work")


def test_a_run_in_another_thread_joins_by_claim(telemetry: Telemetry, counts_of: CountsOf) -> None:
    with telemetry.claim("mail") as claim:
        taken = claim.took("work", task_id="a")
    _in_thread(lambda: telemetry.run(claim=taken).start().finish())

    assert ONCE == counts_of(telemetry, "work")


def test_a_second_run_of_one_delivery_counts_its_own_claim_on_the_same_queue(
    telemetry: Telemetry, series_of: SeriesOf
) -> None:
    with telemetry.claim("mail") as claim:
        taken = claim.took("work")
    for _ in range(2):
        with telemetry.run(claim=taken):
            pass

    assert 2 == series_of(telemetry)["queue.tasks.claimed", "mail", "work"]
    assert 2 == series_of(telemetry)["queue.tasks.started", "mail", "work"]


def test_each_run_of_a_batch_finds_its_own_delivery(
    handler: Callable[..., Any], telemetry: Telemetry, counts_of: CountsOf
) -> None:
    with telemetry.claim("mail") as claim:
        for task_id in "ab":
            claim.took("work", headers={"qt-task-id": task_id, "qt-attempt": "2" if task_id == "a" else "3"})
        attempts = [handler(task_id).attempt for task_id in "ba"]

    assert [3, 2] == attempts
    assert TWICE == counts_of(telemetry, "work")


def test_headers_in_common_join_though_the_handler_knows_another_id(
    handler: Callable[..., Any], telemetry: Telemetry, counts_of: CountsOf
) -> None:
    headers = {"qt-task-id": "generated"}
    with telemetry.claim("mail") as claim:
        claim.took("work", headers=headers)
        run = handler(task_id="of the business", headers=headers)

    assert "of the business" == run.task_id
    assert ONCE == counts_of(telemetry, "work")


@pytest.mark.parametrize(("took", "task_id"), [("other", None), ("work", "b")], ids=["type", "id"])
def test_a_run_that_matches_nothing_taken_counts_its_own_claim(
    took: str, task_id: str | None, handler: Callable[..., Any], telemetry: Telemetry, counts_of: CountsOf
) -> None:
    with telemetry.claim("mail") as claim:
        claim.took(took, task_id=task_id)
        assert "default" == handler("a").queue

    assert ({"claimed": 1} if took == "other" else {"claimed": 2, "started": 1, "completed": 1}) == counts_of(
        telemetry, took
    )


def test_a_nested_run_never_joins(telemetry: Telemetry, counts_of: CountsOf) -> None:
    with telemetry.claim("mail") as claim:
        claim.took("work")
        claim.took("work")
        with telemetry.run("work"), telemetry.run("work") as inner:
            assert "default" == inner.queue

    assert {"claimed": 3, "started": 2, "completed": 2} == counts_of(telemetry, "work")


def test_a_claim_used_again_forgets_what_it_took_before(telemetry: Telemetry, counts_of: CountsOf) -> None:
    claim = telemetry.claim("mail")
    with claim:
        claim.took("work", task_id="old")
    with claim, telemetry.run("work") as run:
        assert "old" != run.task_id

    assert {"claimed": 2, "started": 1, "completed": 1} == counts_of(telemetry, "work")


@pytest.mark.parametrize(
    "make", [lambda claim: claim, lambda claim: claim.took("work")], ids=["claim", "taken"]
)
def test_a_scope_inside_itself_does_not_hang(make: Callable[[Any], Any], telemetry: Telemetry) -> None:
    with telemetry.claim() as claim:
        scope = make(claim)
        with scope, scope:
            assert telemetry.current() is None
    assert telemetry.current() is None


@pytest.mark.parametrize("asynchronous", [False, True], ids=["with", "async with"])
@pytest.mark.parametrize(
    ("error", "took", "counted"),
    [
        (None, False, ("queue.claims.empty", "mail")),
        (OSError, False, ("queue.claims.failed", "mail", "OSError")),
        (KeyboardInterrupt, False, None),
        (asyncio.CancelledError, False, None),
        (OSError, True, ("queue.tasks.claimed", "mail", "work")),
    ],
)
def test_a_fetch_is_empty_failed_or_taken(
    error: type[BaseException] | None,
    took: bool,
    counted: tuple[str, ...] | None,
    asynchronous: bool,
    telemetry: Telemetry,
    series_of: SeriesOf,
) -> None:
    def fetch(claim: Any) -> None:
        if took:
            claim.took("work")
        if error is not None:
            raise error

    def call() -> None:
        with telemetry.claim("mail") as claim:
            fetch(claim)

    async def call_async() -> None:
        async with telemetry.claim("mail") as claim:
            fetch(claim)

    try:
        asyncio.run(call_async()) if asynchronous else call()
    except (OSError, KeyboardInterrupt, asyncio.CancelledError) as caught:
        assert type(caught) is error  # noqa: PT017 - one row of the table raises nothing

    assert ({} if counted is None else {counted: 1}) == series_of(telemetry)


def test_a_fetch_is_timed_once_for_a_batch_and_never_when_nothing_came(
    telemetry: Telemetry, timings_of: Callable[[Telemetry], dict[tuple[str, ...], list[float]]]
) -> None:
    with telemetry.claim("mail"):
        pass
    with telemetry.claim("mail") as claim:
        claim.took("work")
        claim.took("work")

    assert 1 == len(timings_of(telemetry)["queue.claim.duration", "mail"])


def test_a_disabled_telemetry_still_hands_on_headers(make_telemetry: Callable[..., Telemetry]) -> None:
    telemetry = make_telemetry(enabled=False)
    with telemetry.claim("mail") as claim:
        claim.took("work", headers={"qt-task-id": "a", "qt-attempt": "2"})
        with telemetry.run("work") as run:
            headers = run.headers

    assert ("a", "3") == (headers["qt-task-id"], headers["qt-attempt"])


@pytest.mark.parametrize("headers", [{"qt-task-id": b"a"}, {"qt-task-id": "a"}], ids=["bytes", "text"])
def test_taken_tells_what_came(headers: dict[str, object], telemetry: Telemetry) -> None:
    with telemetry.claim("mail") as claim:
        taken = claim.took("work", headers=headers)

    assert ("work", "mail", "a", headers) == (taken.type, taken.queue, taken.task_id, taken.headers)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_batch_larger_than_what_waits_is_claimed_once_each(
    backwards: bool,
    handler: Callable[..., Any],
    telemetry: Telemetry,
    counts_of: CountsOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(deliveries, "MAX_WAITING", 10)
    with telemetry.claim("mail") as claim:
        for number in range(25):
            claim.took("work", task_id=number)
        for number in range(24, -1, -1) if backwards else range(25):
            handler(number)
        handler(25)

    assert {"claimed": 26, "started": 26, "completed": 26} == counts_of(telemetry, "work")


def test_equal_ids_and_unknown_ones_each_find_a_delivery(
    handler: Callable[..., Any], telemetry: Telemetry, counts_of: CountsOf
) -> None:
    with telemetry.claim("mail") as claim:
        for task_id in ("a", "a", None, "b"):
            claim.took("work", task_id=task_id)
        ids = [handler(task_id).task_id for task_id in ("a", "a", "c", None)]

    assert ["a", "a", "c", "b"] == ids
    assert {"claimed": 4, "started": 4, "completed": 4} == counts_of(telemetry, "work")


def test_a_claim_keeps_nothing_of_what_has_joined_in_other_threads(telemetry: Telemetry) -> None:
    with telemetry.claim("mail") as claim:
        for number in range(100):
            with claim.took("work", task_id=number), telemetry.run("work"):
                pass

        assert 1 >= len(claim._waiting._by_id)


def test_a_run_joins_no_claim_of_another_telemetry(
    telemetry: Telemetry, general: Telemetry, counts_of: CountsOf
) -> None:
    with telemetry.claim("mail") as claim:
        taken = claim.took("work")
        with general.run("work"):
            pass
        with taken, general.run("work"):
            pass
        with general.run(claim=taken):
            pass

    assert {"claimed": 1} == counts_of(telemetry, "work")
    assert {"claimed": 3, "started": 3, "completed": 3} == counts_of(general, "work")
