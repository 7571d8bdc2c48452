from collections.abc import Callable, Collection
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queue_telemetry.healthcheck import Alert, AlertEvent, Alerts, Finding, HealthReport, HealthStatus, Reason

_RATIO, _SIZE, _BEAT = Reason.FAILURE_RATIO, Reason.QUEUE_SIZE, Reason.HEARTBEAT_STALE
_HEALTHY, _DEGRADED, _DRAINING = HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.DRAINING

After = Callable[..., list[tuple[str, Reason]]]


@pytest.fixture
def alerts() -> Alerts:
    return Alerts(0.0, cooldown_s=300.0, grace_s=60.0)


@pytest.fixture
def after(alerts: Alerts, report: HealthReport) -> After:
    """One evaluation: what holds, when, and the verdict; returns event and rule of each alert."""

    def one(
        active: Collection[Reason], now_s: float, status: HealthStatus = _DEGRADED
    ) -> list[tuple[str, Reason]]:
        verdict = replace(report, status=status if active else _HEALTHY, reasons=tuple(sorted(active)))
        return [(alert.event, alert.rule) for alert in alerts.after(active, {}, verdict, now_s)]

    return one


def test_a_reason_fires_once_while_it_holds_and_is_resolved_once(after: After) -> None:
    assert [("alert_fired", _SIZE)] == after({_SIZE}, 100)
    assert [] == after({_SIZE}, 105)
    assert [] == after({_SIZE}, 5_000)
    assert [("alert_resolved", _SIZE)] == after((), 5_005)
    assert [] == after((), 5_010)


def test_resolved_ones_come_first_and_each_in_order(after: After) -> None:
    after({_SIZE, _BEAT}, 100)

    assert [
        ("alert_resolved", _BEAT),
        ("alert_resolved", _SIZE),
        ("alert_fired", _RATIO),
        ("alert_fired", Reason.WAIT_P95),
    ] == after({Reason.WAIT_P95, _RATIO}, 105)


def test_a_reason_that_comes_back_waits_for_the_cooldown(after: After, alerts: Alerts) -> None:
    after({_SIZE}, 100)
    after((), 200)

    assert [] == after({_SIZE}, 210)
    assert [] == after({_SIZE}, 399)
    assert [("alert_fired", _SIZE)] == after({_SIZE}, 400)
    assert 1 == alerts.withheld  # once for the time that it waited


def test_the_cooldown_of_one_reason_is_not_that_of_another(after: After) -> None:
    after({_SIZE}, 100)
    after((), 110)

    assert [("alert_fired", _RATIO)] == after({_SIZE, _RATIO}, 120)


def test_nothing_fires_in_the_grace_time_and_what_still_holds_after_it_does(
    after: After, alerts: Alerts
) -> None:
    assert [] == after({_SIZE, _RATIO}, 59.9)
    assert [("alert_fired", _SIZE)] == after({_SIZE}, 60)
    assert 0 == alerts.withheld


def test_draining_fires_nothing_and_resolves(after: After) -> None:
    after({_SIZE}, 100)

    assert [("alert_resolved", _SIZE)] == after({_BEAT}, 105, _DRAINING)
    assert [("alert_fired", _BEAT)] == after({_BEAT}, 110)


def test_ten_fire_in_an_hour_and_the_rest_when_there_is_room(after: After, alerts: Alerts) -> None:
    alerts.cooldown_s = 0
    fired = [alert for n in range(20) for alert in after({_SIZE} if n % 2 == 0 else (), 100.0 + n)]
    assert [("alert_fired", _SIZE), ("alert_resolved", _SIZE)] * 10 == fired

    assert [] == after({_SIZE}, 130)
    assert [] == after({_SIZE}, 3_699)
    assert [("alert_fired", _SIZE)] == after({_SIZE}, 3_700)
    assert 1 == alerts.withheld


def test_an_alert_tells_what_was_measured_and_both_verdicts(alerts: Alerts, report: HealthReport) -> None:
    degraded = replace(report, status=_DEGRADED, reasons=(_RATIO,))

    (fired,) = alerts.after({_RATIO}, {_RATIO: Finding(0.3125, 0.25)}, degraded, 100)
    (resolved,) = alerts.after((), {}, report, 105)

    assert (
        Alert(
            event=AlertEvent.FIRED,
            rule=_RATIO,
            status=_DEGRADED,
            previous_status=_HEALTHY,
            reasons=(_RATIO,),
            value=0.3125,
            threshold=0.25,
            service="billing",
            at="2025-11-05T10:15:30.123Z",
        )
        == fired
    )
    assert "failure_ratio fired: 0.3125, limit 0.25; degraded" == fired.message
    assert (AlertEvent.RESOLVED, _HEALTHY, _DEGRADED, ()) == (
        resolved.event,
        resolved.status,
        resolved.previous_status,
        resolved.reasons,
    )
    assert "failure_ratio resolved: 0.3125, limit 0.25; healthy" == resolved.message


def test_a_reason_that_this_evaluation_did_not_find_has_the_measure_of_the_last_that_did(
    alerts: Alerts, report: HealthReport
) -> None:
    degraded = replace(report, status=_DEGRADED, reasons=(_SIZE,))
    alerts.after({_SIZE}, {_SIZE: Finding(12, 10)}, degraded, 50)  # in the grace time

    (fired,) = alerts.after({_SIZE}, {}, degraded, 100)

    assert (12, 10) == (fired.value, fired.threshold)


def test_without_a_number_the_message_has_none(alerts: Alerts, report: HealthReport) -> None:
    (fired,) = alerts.after({Reason.TELEMETRY_FAILING}, {}, replace(report, status=_DEGRADED), 100)

    assert "telemetry_failing fired; degraded" == fired.message


def _heir(alerts: Alerts, started_s: float, written_s: float, shift_s: float = 0.0) -> Alerts:
    """One that starts at *started_s* and takes over what was known at *written_s*, with its clock *shift_s* apart."""
    heir = Alerts(started_s + shift_s)
    heir.recall(alerts.memory(written_s, 1e9 + written_s), started_s + shift_s, 1e9 + started_s)
    return heir


def _told(alerts: Alerts, found: Collection[Reason], active: Collection[Reason], now_s: float) -> list[str]:
    verdict = _verdict(_DEGRADED if active else _HEALTHY)
    return [one.event for one in alerts.after(active, dict.fromkeys(found, Finding()), verdict, now_s)]


def test_an_heir_does_not_fire_again_what_fired_already(alerts: Alerts, after: After) -> None:
    after({_SIZE}, 100)

    heir = _heir(alerts, 105, 101, shift_s=-70.0)

    assert [[], [], []] == [
        _told(heir, {_SIZE}, active, now_s - 70.0)
        for active, now_s in (((), 110), ({_SIZE}, 115), ({_SIZE}, 500))
    ]


def test_an_heir_tells_the_end_once_it_is_sure(alerts: Alerts, after: After) -> None:
    after({_SIZE}, 100)

    heir = _heir(alerts, 105, 101)

    assert [[], [], ["alert_resolved"], []] == [_told(heir, (), (), now_s) for now_s in (110, 115, 120, 125)]


def test_an_heir_that_begins_when_it_is_found_again_does_not_take_it_for_over(
    alerts: Alerts, after: After
) -> None:
    after({_SIZE}, 100)

    heir = _heir(alerts, 105, 101)
    seen = [((), ()), ((), ()), ({_SIZE}, ()), ({_SIZE}, {_SIZE}), ((), {_SIZE}), ((), ())]

    assert [[], [], [], [], [], ["alert_resolved"]] == [
        _told(heir, found, active, 110.0 + n) for n, (found, active) in enumerate(seen)
    ]


def test_an_heir_minds_the_cooldown_and_the_hour(alerts: Alerts, after: After) -> None:
    alerts.cooldown_s = 0
    for n in range(20):
        after({_SIZE} if n % 2 == 0 else (), 100.0 + n)

    heir = _heir(alerts, 125, 120)

    assert [] == _told(heir, {_SIZE}, {_SIZE}, 399)
    heir.cooldown_s = 0
    assert [] == _told(heir, {_SIZE}, {_SIZE}, 3_699)
    assert ["alert_fired"] == _told(heir, {_SIZE}, {_SIZE}, 3_700)


def test_the_grace_time_begins_with_the_first_of_those_that_followed_one_another(alerts: Alerts) -> None:
    second = _heir(alerts, 35, 30)
    third = _heir(second, 65, 60)

    assert ["alert_fired"] == _told(third, {_SIZE}, {_SIZE}, 70)


def test_after_a_break_the_grace_time_begins_anew(alerts: Alerts, after: After) -> None:
    after((), 100)

    heir = _heir(alerts, 200, 100)

    assert [[], ["alert_fired"]] == [_told(heir, {_SIZE}, {_SIZE}, now_s) for now_s in (259, 260)]


def test_a_clock_that_was_turned_back_lengthens_no_cooldown(alerts: Alerts, after: After) -> None:
    after({_SIZE}, 100)
    after((), 105)
    heir = Alerts(0.0)

    heir.recall(alerts.memory(105, 1e9), 110, 1e9 - 86_400)

    assert ["alert_fired"] == _told(heir, {_SIZE}, {_SIZE}, 410)


@given(
    st.lists(
        st.tuples(st.sets(st.sampled_from([_SIZE, _RATIO, _BEAT])), st.floats(0, 400), st.booleans()),
        max_size=60,
    )
)
def test_each_resolved_alert_fired_before_and_no_hour_has_more_than_ten(
    steps: list[tuple[set[Reason], float, bool]],
) -> None:
    alerts, now_s = Alerts(0.0), 0.0
    firing: set[Reason] = set()
    times: list[float] = []
    for active, passed_s, drains in steps:
        now_s += passed_s
        status = _DRAINING if drains else _DEGRADED if active else _HEALTHY
        for alert in alerts.after(active, {}, _verdict(status), now_s):
            if alert.event is AlertEvent.FIRED:
                assert alert.rule not in firing
                assert not drains
                firing.add(alert.rule)
                times.append(now_s)
            else:
                firing.remove(alert.rule)
        assert firing <= active
        assert sum(now_s - fired_s < 3600 for fired_s in times) <= 10


def _verdict(status: HealthStatus) -> HealthReport:
    unread = dict.fromkeys(HealthReport.__dataclass_fields__)  # alerts read no more than the others
    return HealthReport(**unread | {"status": status, "reasons": (), "observed_at": ""})  # type: ignore[arg-type]
