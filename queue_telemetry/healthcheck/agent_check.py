"""What HAProxy's agent-check is told of a process: one line. Pure: no clock, no socket, no state."""

from typing import Final

from queue_telemetry.healthcheck.report import HealthReport

__all__ = ["agent_line"]

_LEAST_WEIGHT: Final = (
    10  # percent: a full worker still gets a share, else it would never be seen to be free again
)


def agent_line(report: HealthReport) -> bytes:
    r"""Return the state and the weight of this instance for a load balancer.

    Both kinds of words are said each time, since HAProxy keeps the two apart: `ready` takes back an earlier `drain`, `up` an
    earlier `down`.

    Returns:
        One ASCII line with its end: `b"up ready 75%\n"`, where the weight is the free share of all slots and at least
        10 %; `b"drain\n"` when no new work is wanted; `b"down #heartbeat_stale\n"` with all reasons when there is no use
        in sending any.

    Source: https://docs.haproxy.org/2.6/configuration.html#5.2-agent-check
    """
    if report.draining and report.live:
        return b"drain\n"
    if not report.ready:
        reasons = ",".join(report.reasons) or report.status.value
        return f"down #{reasons}\n".encode("ascii", "replace")
    used, total = report.slots.used, report.slots.total
    free = 100 * (total - used) // total if total else 100
    return b"up ready %d%%\n" % max(free, _LEAST_WEIGHT)
