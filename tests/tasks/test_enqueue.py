"""Enqueueing counts by how the block ends, and hands the headers on."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from queue_telemetry.api import Telemetry
from queue_telemetry.exceptions import ConfigurationError

SeriesOf = Callable[[Telemetry], dict[tuple[str, ...], int]]
ENQUEUED = ("queue.tasks.enqueued", "mail", "work")
FAILED = ("queue.enqueue.failed", "mail", "OSError")


@pytest.mark.parametrize("asynchronous", [False, True], ids=["with", "async with"])
@pytest.mark.parametrize("error", [None, OSError()], ids=["ends well", "raises"])
def test_a_block_counts_by_how_it_ends(
    error: Exception | None, asynchronous: bool, telemetry: Telemetry, series_of: SeriesOf
) -> None:
    def call() -> None:
        with telemetry.enqueue("work", queue="mail"):
            if error is not None:
                raise error

    async def call_async() -> None:
        async with telemetry.enqueue("work", queue="mail"):
            if error is not None:
                raise error

    try:
        asyncio.run(call_async()) if asynchronous else call()
    except OSError as caught:
        assert caught is error  # noqa: PT017 - the other half of the table raises nothing

    assert {FAILED if error else ENQUEUED: 1} == series_of(telemetry)


def test_the_headers_say_what_the_worker_needs(telemetry: Telemetry) -> None:
    eta = datetime(2030, 1, 1, tzinfo=UTC)
    given = {"trace": "t", "qt-attempt": b"2", "qt-first-enqueued-at": "1700000000.5"}
    with (
        telemetry.run("outer", task_id="o"),
        telemetry.enqueue("work", task_id=7, headers=given, not_before=eta) as publish,
    ):
        headers = publish.headers

    assert {
        "trace": "t",
        "qt-task-id": "7",
        "qt-attempt": "2",
        "qt-parent-id": "o",
        "qt-enqueued-at": headers["qt-enqueued-at"],
        "qt-first-enqueued-at": "1700000000.5",
        "qt-not-before": f"{eta.timestamp():.6f}",
    } == headers
    assert {"trace": "t", "qt-attempt": b"2", "qt-first-enqueued-at": "1700000000.5"} == given


def test_a_scope_used_again_makes_another_task(telemetry: Telemetry) -> None:
    publish = telemetry.enqueue("work")
    ids = []
    for _ in range(2):
        with publish:
            ids.append(publish.headers["qt-task-id"])

    assert 2 == len(set(ids))


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [(("b",), {}), (("b", None), {}), (("b",), {"headers": None}), ((), {"body": "b"})],
    ids=["default", "positional", "keyword", "all by keyword"],
)
def test_the_decorator_fills_the_parameter(
    args: tuple[Any, ...], kwargs: dict[str, Any], telemetry: Telemetry, series_of: SeriesOf
) -> None:
    @telemetry.enqueue("work", queue="mail", headers="headers")
    def send(body: str, headers: dict[str, str] | None = None) -> dict[str, str] | None:
        return headers

    first, second = send(*args, **kwargs), send(*args, **kwargs)

    assert first is not None
    assert second is not None
    assert first["qt-task-id"] != second["qt-task-id"]
    assert {ENQUEUED: 2} == series_of(telemetry)


def test_the_decorator_leaves_what_the_caller_passed(telemetry: Telemetry) -> None:
    @telemetry.enqueue("work", headers="headers")
    def send(headers: dict[str, str] | None = None) -> dict[str, str] | None:
        return headers

    given = {"mine": "1"}

    assert given is send(given)
    assert given is send(headers=given)
    assert {"mine": "1"} == given


@pytest.mark.parametrize("name", ["other", "only"])
def test_a_parameter_that_cannot_be_filled_is_refused(name: str, telemetry: Telemetry) -> None:
    def send(only: object = None, /) -> None: ...

    with pytest.raises(ConfigurationError, match=f"headers='{name}'"):
        telemetry.enqueue("work", headers=name)(send)


async def _async_send(headers: object = None) -> object:
    return headers


def _generator_send(headers: object = None) -> Iterator[object]:
    yield headers


async def _async_generator_send(headers: object = None) -> AsyncIterator[object]:
    yield headers


def _returns_coroutine(headers: object = None) -> object:
    return _async_send(headers)


@pytest.mark.parametrize("send", [_async_send, _generator_send, _async_generator_send, _returns_coroutine])
def test_publishers_of_every_kind_count_when_they_end(
    send: Callable[..., Any], telemetry: Telemetry, series_of: SeriesOf
) -> None:
    decorated = telemetry.enqueue("work", queue="mail", headers="headers")(send)

    async def call() -> Any:
        result = decorated()
        assert {} == series_of(telemetry)
        if hasattr(result, "__next__"):
            (headers,) = list(result)
        elif hasattr(result, "__anext__"):
            (headers,) = [headers async for headers in result]
        else:
            headers = await result
        return headers

    assert "1" == asyncio.run(call())["qt-attempt"]
    assert {ENQUEUED: 1} == series_of(telemetry)


def test_static_methods_may_be_decorated_above(telemetry: Telemetry) -> None:
    class Broker:
        @telemetry.enqueue("work", headers="headers")
        @staticmethod
        def send(headers: dict[str, str] | None = None) -> dict[str, str] | None:
            return headers

    assert Broker().send() is not None


def test_calls_in_many_threads_each_get_headers_of_their_own(telemetry: Telemetry) -> None:
    ids: list[str] = []

    @telemetry.enqueue("work", headers="headers")
    def send(headers: dict[str, str] | None = None) -> None:
        assert headers is not None
        ids.append(headers["qt-task-id"])

    threads = [threading.Thread(target=lambda: [send() for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 400 == len(set(ids))
