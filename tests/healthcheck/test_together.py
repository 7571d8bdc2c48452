import dataclasses
from typing import Any

import pytest

from queue_telemetry.healthcheck import Present, ProcessFacts, Reason, Thresholds
from queue_telemetry.healthcheck.together import from_outside, together


def _present(**facts: Any) -> Present:
    known: dict[str, Any] = {
        "collected": True,
        "draining": False,
        "active_workers": None,
        "slots_used": 0,
        "slots_total": 0,
        "in_flight": 0,
        "longest_running_s": None,
        "heartbeat_age_s": None,
        "configuration_invalid": False,
        "telemetry": {},
        "telemetry_failing": frozenset(),
        "now_s": 1e9,
        "service": "billing",
        "version": "2",
    }
    return Present(ProcessFacts(**{**known, **facts}), Thresholds())


def test_one_alone_stays_as_it_is() -> None:
    own = _present(in_flight=3)

    assert own is together(own, [])


@pytest.mark.parametrize(
    ("key", "values", "expected"),
    [
        ("collected", (False, True), True),
        ("collected", (False, False), False),
        ("draining", (True, False), True),
        ("draining", (False, True), False),
        ("draining", (True, True), True),
        ("active_workers", (None, None), None),
        ("active_workers", (None, 3), 3),
        ("active_workers", (2, 3), 5),
        ("slots_used", (1, 2), 3),
        ("slots_total", (1, 2), 3),
        ("in_flight", (1, 2), 3),
        ("longest_running_s", (None, None), None),
        ("longest_running_s", (1.0, None), 1.0),
        ("longest_running_s", (1.0, 2.0), 2.0),
        ("heartbeat_age_s", (None, 70.0), 70.0),
        ("heartbeat_age_s", (5.0, 70.0), 70.0),
        ("configuration_invalid", (False, True), True),
        ("telemetry_failing", (frozenset({"logs"}), frozenset({"statsd"})), frozenset({"logs", "statsd"})),
        ("stale_probes", (frozenset(), frozenset({"size"})), frozenset({"size"})),
        ("service", ("own", "other"), "own"),
        ("version", ("2", "1"), "2"),
    ],
)
def test_what_two_come_to(key: str, values: tuple[Any, Any], expected: Any) -> None:
    own, other = (_present(**{key: value}) for value in values)

    assert expected == getattr(together(own, [other]).facts, key)


def test_utilisation_is_the_mean_over_all_slots() -> None:
    presents = [
        _present(utilisation=1.0, slots_total=1),
        _present(utilisation=0.5, slots_total=4),
        _present(),
    ]

    assert (1.0 + 2.0) / 5 == together(presents[0], presents[1:]).facts.utilisation


def test_what_became_of_everybodys_data_adds_up_and_the_rest_is_the_own() -> None:
    own = {"host": "h", "port": 8125, "accepted": 5, "dropped": {"refused": 1}, "pending": 0}
    other = {"host": "h", "port": 8125, "accepted": 7, "dropped": {"refused": 2, "closed": 1}, "adopted": 3}

    whole = together(
        _present(telemetry={"statsd": own}), [_present(telemetry={"statsd": other, "logs": {"pending": 2}})]
    )

    assert {
        "statsd": {
            "host": "h",
            "port": 8125,
            "accepted": 12,
            "dropped": {"refused": 3, "closed": 1},
            "pending": 0,
            "adopted": 3,
        },
        "logs": {"pending": 2},
    } == whole.facts.telemetry


def test_the_thresholds_are_the_own() -> None:
    own = dataclasses.replace(_present(), thresholds=Thresholds(min_workers=3))

    assert 3 == together(own, [_present()]).thresholds.min_workers


@pytest.mark.parametrize(
    ("values", "expected"), [((True, False), False), ((False, True), False), ((True, True), True)]
)
def test_from_outside_all_have_to_drain(values: tuple[bool, bool], expected: bool) -> None:
    assert expected is from_outside([_present(draining=value) for value in values]).facts.draining


def test_from_outside_the_thresholds_are_the_last_ones() -> None:
    last = dataclasses.replace(_present(), thresholds=Thresholds(min_workers=3))

    assert 3 == from_outside([_present(), last]).thresholds.min_workers


@pytest.mark.parametrize(
    ("settled", "expected"),
    [
        (({Reason.QUEUE_SIZE}, None), {Reason.QUEUE_SIZE}),
        (({Reason.QUEUE_SIZE}, set()), set()),
        ((None, None), None),
    ],
    ids=["the last knows nothing yet", "the last knows", "nobody knows"],
)
def test_from_outside_what_holds_is_as_the_last_says_that_can_tell(
    settled: tuple[set[Reason] | None, ...], expected: set[Reason] | None
) -> None:
    presents = [
        dataclasses.replace(_present(), settled=None if one is None else frozenset(one)) for one in settled
    ]

    assert expected == from_outside(presents).settled
