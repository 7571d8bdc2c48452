"""Who evaluates: one process of a service for all, which the others go by."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from queue_telemetry.telemetry import Telemetry

MakeTelemetry = Callable[..., Telemetry]

_FULL = {"health_queue_size_max": 10, "health_fail_on": "queue_size", "service": "pool"}


def _tick(telemetry: Telemetry) -> list[int]:
    """Do what the ticker does each interval; return how often it was asked for all counts."""
    asked: list[int] = []

    def observe():  # type: ignore[no-untyped-def] # as the one it wraps
        asked.append(1)
        return telemetry._observe()

    telemetry._vigil.judge._due_s = telemetry._vigil._due_s = 0
    telemetry._processes._heard_s = telemetry._processes._looked_s = float("-inf")
    telemetry._vigil.tick(observe)
    telemetry._processes.tell()
    return asked


def _quiet(telemetry: Telemetry) -> Telemetry:
    """Wake it, and have its evaluations be the test's."""
    telemetry.counter("mails").increment()
    assert telemetry._ticker is not None
    assert telemetry._ticker.stop(5.0)
    return telemetry


@pytest.fixture(params=[True, False], ids=["alerts", "no alerts"])
def pair(request: pytest.FixtureRequest, make_telemetry: MakeTelemetry) -> tuple[Telemetry, Telemetry]:
    """One that watches and found that the queue is too long, and one that came later."""
    watcher, other = (_quiet(make_telemetry(**_FULL, health_alerts=request.param)) for _ in range(2))
    watcher.queue_size("mail").set(11)
    for _ in range(2):
        _tick(watcher)
    return watcher, other


def test_one_process_evaluates_for_all(pair: tuple[Telemetry, Telemetry]) -> None:
    watcher, other = pair

    assert ([1], []) == (_tick(watcher), _tick(other))


def test_the_others_go_by_what_it_came_to(pair: tuple[Telemetry, Telemetry]) -> None:
    _, other = pair
    _tick(other)

    report = other.health()

    assert ("unhealthy", ("queue_size",), False) == (report.status, report.reasons, other.ready())
    assert other._present().settled is None  # the one that evaluates tells it


def test_who_takes_over_goes_on_from_there(pair: tuple[Telemetry, Telemetry]) -> None:
    watcher, other = pair
    _tick(other)

    watcher.close()

    assert [1] == _tick(other)
    assert frozenset({"queue_size"}) == other._present().settled


def test_a_process_that_began_just_now_is_no_readier_than_the_others(
    pair: tuple[Telemetry, Telemetry],
) -> None:
    assert not pair[1].ready()


def test_a_probe_reads_nobodys_counts(pair: tuple[Telemetry, Telemetry]) -> None:
    _, other = pair
    other._processes._looked_s = float("-inf")

    assert (True, False) == (other.live(), other.ready())
    assert float("-inf") == other._processes._looked_s


def test_after_a_question_the_ticker_looks_again_and_who_asks_does_not(
    pair: tuple[Telemetry, Telemetry],
) -> None:
    _, other = pair
    lookers: list[str] = []
    household = other._processes._household
    assert household is not None
    look = household.look

    def look_and_tell(*args: Any, **kwargs: Any) -> Any:
        lookers.append(threading.current_thread().name)
        return look(*args, **kwargs)

    household.look = look_and_tell  # type: ignore[method-assign]
    other._processes.tick()
    assert [] == lookers  # nobody asked

    other.health()
    other._processes._looked_s -= other._processes._look_each_s
    ticker = threading.Thread(target=other._processes.tick, name="ticker")
    ticker.start()
    ticker.join(5.0)
    other.health()

    assert [threading.current_thread().name, "ticker"] == lookers
