"""Sends alerts to Datadog: an event each, and the verdict as a service check. Other dialects have neither."""

from queue_telemetry.healthcheck import Alert, AlertEvent, HealthReport, HealthStatus
from queue_telemetry.settings import Settings
from queue_telemetry.statsd import DIALECTS, StatsClient
from queue_telemetry.telemetry._outputs import statsd_client

__all__ = ["CHECK_NAME", "Notices"]

CHECK_NAME = "queue.worker.status"
"""The service check, tagged as every metric: service, env, version and `TAGS`."""
_ADDRESS_WAIT_S = 5.0  # of the alerts' own thread
_CHECK_STATUS = {
    HealthStatus.HEALTHY: 0,
    HealthStatus.STARTING: 0,
    HealthStatus.DEGRADED: 1,
    HealthStatus.DRAINING: 1,
    HealthStatus.UNHEALTHY: 2,
}


class Notices:
    """A client of its own beside the emitter's, whose datagrams are all accounted for. Used on one thread.

    Args:
        settings: Where the receiver is.

    Attributes:
        works: Whether the dialect has events and service checks.
    """

    def __init__(self, settings: Settings) -> None:
        self.works = DIALECTS[settings.statsd_dialect].events
        self._settings = settings
        self._client: StatsClient | None = None
        self._closed = False

    def send_check(self, report: HealthReport) -> None:
        """Send the verdict as a service check. Must not raise."""
        message = ", ".join(report.reasons) or None
        client = self._ready()
        if client is not None:
            client.service_check(CHECK_NAME, _CHECK_STATUS[report.status], message=message)

    def send_event(self, alert: Alert) -> None:
        """Send an alert as an event; a resolved one has the key of the one that fired, so that both are shown together."""
        resolved = alert.event is AlertEvent.RESOLVED
        failing = alert.status is HealthStatus.UNHEALTHY
        name = alert.service or "queue"
        client = self._ready()
        if client is not None:
            client.event(
                f"{name}: {alert.rule} {'resolved' if resolved else 'fired'}",
                alert.message,
                tags={"rule": alert.rule.value},
                alert_type="success" if resolved else "error" if failing else "warning",
                aggregation_key=f"{name}:{alert.rule}",
            )

    def lost(self) -> int:
        """Return how many were not sent."""
        if self._client is None:
            return 0
        dropped = self._client.stats()["lines_dropped"]
        return sum(dropped.values()) if isinstance(dropped, dict) else 0

    def close(self) -> None:
        """Close the socket; nothing is sent any more. Any thread. Must not block or raise."""
        self._closed = True
        if self._client is not None:
            self._client.close()

    def forget(self) -> None:
        """In a forked child: close the copy of the parent's socket."""
        if self._client is not None:
            self._client.forget()

    def _ready(self) -> StatsClient | None:
        client = self._client
        if client is None and not self._closed:
            self._client = client = statsd_client(self._settings)
            client.await_address(_ADDRESS_WAIT_S)
        if self._closed and client is not None:  # perhaps before it was known here
            client.close()
        return client
