"""The short verdict is the report's, for whatever processes tell."""

import dataclasses
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.cli._verdict import Told, verdict
from queue_telemetry.healthcheck import Present, ProcessFacts, Reason, Thresholds, evaluate
from queue_telemetry.healthcheck.present import facts_as_json, facts_from_json
from queue_telemetry.healthcheck.together import from_outside
from queue_telemetry.metrics import Summary

_NOW_S = 1_000.0
_EPOCH_S = 1e9
_COUNTED = frozenset(
    {
        Reason.FAILURE_RATIO,
        Reason.OLDEST_TASK_AGE,
        Reason.QUEUE_SIZE,
        Reason.RETRY_STORM,
        Reason.SATURATION,
        Reason.WAIT_P95,
    }
)
"""What only counts and a series of evaluations tell."""

_facts = st.builds(
    ProcessFacts,
    collected=st.booleans(),
    draining=st.booleans(),
    active_workers=st.none() | st.integers(0, 3),
    slots_used=st.just(0),
    slots_total=st.just(0),
    in_flight=st.integers(0, 3),
    longest_running_s=st.none(),
    heartbeat_age_s=st.none() | st.sampled_from([1.0, 59.0, 61.0]),
    configuration_invalid=st.booleans(),
    telemetry=st.just({}),
    telemetry_failing=st.sampled_from([frozenset(), frozenset({"logs"})]),
    now_s=st.just(_EPOCH_S),
    service=st.just("billing"),
    version=st.none(),
    stale_probes=st.sampled_from([frozenset(), frozenset({"queue_size:mail"})]),
)
_presents = st.builds(
    Present,
    _facts,
    st.builds(
        Thresholds,
        heartbeat_max_age_s=st.sampled_from([0.0, 60.0]),
        min_workers=st.integers(0, 4),
        fail_on=st.frozensets(st.sampled_from(Reason)),
    ),
    settled=st.none() | st.frozensets(st.sampled_from(sorted(_COUNTED))),
)


def _told(presents: list[Present]) -> list[Told]:
    """Return what they told, the last one last, each as another process."""
    return [
        Told((at, 0), orjson.loads(orjson.dumps(facts_as_json(present, _NOW_S))), _NOW_S - 10 + at, 0.0)
        for at, present in enumerate(presents)
    ]


@given(st.lists(_presents, min_size=1, max_size=4))
def test_it_is_the_verdict_of_the_report(presents: list[Present]) -> None:
    whole = from_outside([facts_from_json(one.facts, "billing", _NOW_S, _EPOCH_S) for one in _told(presents)])
    report = evaluate(
        Summary().snapshot(_NOW_S, _EPOCH_S), whole.facts, whole.thresholds, whole.settled or frozenset()
    )

    found = verdict(_told(presents), _NOW_S)

    assert (
        report.status.value,
        tuple(map(str, report.reasons)),
        report.live,
        report.ready,
        report.active_workers,
        report.in_flight,
    ) == (found.status, found.reasons, found.live, found.ready, found.active_workers, found.in_flight)
    assert len(presents) == found.processes


def test_one_that_began_just_now_has_no_say_in_what_takes_evaluations() -> None:
    old = dataclasses.replace(_present(), settled=frozenset({Reason.FAILURE_RATIO}))
    told = _told([old, dataclasses.replace(_present(), settled=None)])

    assert ("failure_ratio",) == verdict(told, _NOW_S).reasons


def test_what_no_longer_holds_is_not_kept_by_one_that_told_before() -> None:
    old = dataclasses.replace(_present(), settled=frozenset({Reason.FAILURE_RATIO}))
    told = _told([old, dataclasses.replace(_present(), settled=frozenset())])

    assert () == verdict(told, _NOW_S).reasons


def test_two_telemetries_of_one_process_are_one_process() -> None:
    told = [dataclasses.replace(one, process=(7, 7)) for one in _told([_present(), _present()])]

    assert 1 == verdict(told, _NOW_S).processes


@pytest.mark.parametrize(
    ("silent_s", "ticking", "live"), [(14.0, True, True), (61.0, True, False), (61.0, False, True)]
)
def test_a_process_that_hangs_as_a_whole_is_stale(silent_s: float, ticking: bool, live: bool) -> None:
    (told,) = _told([dataclasses.replace(_present(), ticking=ticking)])

    assert live is verdict([dataclasses.replace(told, silent_s=silent_s)], _NOW_S).live


@pytest.mark.parametrize("facts", [{}, {"thresholds": None}, {"thresholds": {}, "settled": 5}])
def test_what_cannot_be_read_is_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        verdict([Told((1, 1), facts, 0.0, 0.0)], _NOW_S)


def _present() -> Present:
    facts = ProcessFacts(
        collected=True,
        draining=False,
        active_workers=None,
        slots_used=0,
        slots_total=0,
        in_flight=0,
        longest_running_s=None,
        heartbeat_age_s=None,
        configuration_invalid=False,
        telemetry={},
        telemetry_failing=frozenset(),
        now_s=_EPOCH_S,
        service="billing",
        version=None,
    )
    return Present(facts, Thresholds())
