import dataclasses
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.healthcheck import Present, ProcessFacts, Reason, Thresholds
from queue_telemetry.healthcheck.present import facts_as_json, facts_from_json

_counts = st.integers(0, 10**9)
_ages = st.none() | st.floats(0, 1e6)
_reasons = st.frozensets(st.sampled_from(Reason))
_facts = st.builds(
    ProcessFacts,
    collected=st.booleans(),
    draining=st.booleans(),
    active_workers=st.none() | _counts,
    slots_used=_counts,
    slots_total=_counts,
    in_flight=_counts,
    longest_running_s=_ages,
    heartbeat_age_s=_ages,
    configuration_invalid=st.booleans(),
    telemetry=st.dictionaries(st.text(), st.dictionaries(st.text(), _counts | st.text())),
    telemetry_failing=st.frozensets(st.sampled_from(["statsd", "logs"])),
    now_s=st.just(1e9),
    service=st.none() | st.text(),
    version=st.none() | st.text(),
    utilisation=st.none() | st.floats(0, 1),
    stale_probes=st.frozensets(st.text()),
)
_thresholds = st.builds(
    Thresholds,
    heartbeat_max_age_s=st.floats(0, 1e6),
    min_workers=_counts,
    failure_ratio=st.floats(0, 1),
    failure_min_tasks=_counts,
    queue_size_max=_counts,
    fail_on=_reasons,
)
_presents = st.builds(Present, _facts, _thresholds, st.booleans(), st.none() | _reasons)


def _told(present: Present, now_s: float) -> Any:
    return orjson.loads(orjson.dumps(facts_as_json(present, now_s)))


@given(_presents, st.floats(0, 1e6))
def test_what_is_told_is_what_is_heard(present: Present, now_s: float) -> None:
    heard = facts_from_json(_told(present, now_s), present.facts.service, now_s, 1e9)

    for age in ("longest_running_s", "heartbeat_age_s"):
        expected, found = getattr(present.facts, age), getattr(heard.facts, age)
        assert (expected is None) is (found is None)
        assert expected is None or abs(expected - found) < 0.01
    same: dict[str, Any] = {"longest_running_s": None, "heartbeat_age_s": None}
    assert dataclasses.replace(
        present, facts=dataclasses.replace(present.facts, **same)
    ) == dataclasses.replace(heard, facts=dataclasses.replace(heard.facts, **same))


def test_ages_go_on_while_nothing_new_is_told(present: Present) -> None:
    told = _told(present, 100.0)

    heard = facts_from_json(told, "billing", 107.5, 1e9)

    assert (9.5, 11.5) == (heard.facts.longest_running_s, heard.facts.heartbeat_age_s)


def test_one_moment_reads_the_same_again(present: Present) -> None:
    """Or each reading would be news."""
    later = dataclasses.replace(present.facts, longest_running_s=2.1, heartbeat_age_s=4.1)

    assert _told(present, 100.0) == _told(dataclasses.replace(present, facts=later), 100.1)


@pytest.fixture
def present() -> Present:
    facts = ProcessFacts(
        collected=True,
        draining=False,
        active_workers=2,
        slots_used=1,
        slots_total=4,
        in_flight=1,
        longest_running_s=2.0,
        heartbeat_age_s=4.0,
        configuration_invalid=False,
        telemetry={"statsd": {"accepted": 3}},
        telemetry_failing=frozenset(),
        now_s=1e9,
        service="billing",
        version="1",
    )
    return Present(facts, Thresholds())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("collected", 1),
        ("draining", None),
        ("active_workers", -1),
        ("slots_used", 1.5),
        ("slots_total", "4"),
        ("in_flight", True),
        ("in_flight", 10**30),
        ("longest_began_s", "2"),
        ("beat_s", [4]),
        ("configuration_invalid", "no"),
        ("telemetry_failing", "statsd"),
        ("telemetry_failing", [1]),
        ("version", 1),
        ("utilisation", "1"),
        ("stale_probes", {}),
        ("telemetry", []),
        ("telemetry", {"statsd": 3}),
        ("ticking", None),
        ("thresholds", []),
        ("thresholds", {}),
        ("settled", ["unheard_of"]),
        ("settled", "x"),
    ],
)
def test_facts_of_other_types_are_refused_in_one_way(present: Present, key: str, value: object) -> None:
    told = {**_told(present, 100.0), key: value}

    with pytest.raises(ValueError):
        facts_from_json(told, None, 100.0, 1e9)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_facts_that_are_none_are_refused_in_one_way(value: object) -> None:
    with pytest.raises(ValueError):
        facts_from_json({"thresholds": value, "collected": value}, None, 100.0, 1e9)
