from dataclasses import replace

import pytest

from queue_telemetry.healthcheck import HealthReport, HealthStatus, Reason, SlotUse, agent_line


@pytest.mark.parametrize(
    ("used", "total", "line"),
    [
        (0, 4, b"up ready 100%\n"),
        (1, 4, b"up ready 75%\n"),
        (2, 3, b"up ready 33%\n"),
        (4, 4, b"up ready 10%\n"),
        (19, 20, b"up ready 10%\n"),
        (9, 4, b"up ready 10%\n"),
        (0, 0, b"up ready 100%\n"),
    ],
)
def test_the_weight_is_the_free_share_of_all_slots(
    report: HealthReport, used: int, total: int, line: bytes
) -> None:
    assert line == agent_line(replace(report, slots=SlotUse(used, total)))


def test_a_degraded_process_still_gets_work(report: HealthReport) -> None:
    degraded = replace(report, status=HealthStatus.DEGRADED, reasons=(Reason.FAILURE_RATIO,))

    assert b"up ready 83%\n" == agent_line(degraded)


@pytest.mark.parametrize("reasons", [(), (Reason.WORKERS_BELOW_MINIMUM,)])
def test_a_process_that_drains_wants_no_more(report: HealthReport, reasons: tuple[Reason, ...]) -> None:
    draining = replace(report, status=HealthStatus.DRAINING, draining=True, ready=False, reasons=reasons)

    assert b"drain\n" == agent_line(draining)


def test_a_stale_process_is_down_also_while_it_drains(report: HealthReport) -> None:
    stale = replace(
        report,
        status=HealthStatus.DRAINING,
        draining=True,
        live=False,
        ready=False,
        reasons=(Reason.HEARTBEAT_STALE,),
    )

    assert b"down #heartbeat_stale\n" == agent_line(stale)


def test_all_reasons_are_told(report: HealthReport) -> None:
    reasons = (Reason.FAILURE_RATIO, Reason.WORKERS_BELOW_MINIMUM)

    line = agent_line(replace(report, status=HealthStatus.UNHEALTHY, ready=False, reasons=reasons))

    assert b"down #failure_ratio,workers_below_minimum\n" == line


def test_one_that_starts_is_not_up_yet(report: HealthReport) -> None:
    assert b"down #starting\n" == agent_line(replace(report, status=HealthStatus.STARTING, ready=False))
