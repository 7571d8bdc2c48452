"""Which files there are for which system. Pure: no clock, no socket, no state."""

from collections.abc import Callable, Mapping
from typing import Final

from queue_telemetry.export._file import File
from queue_telemetry.export.carbon import carbon
from queue_telemetry.export.datadog import datadog
from queue_telemetry.export.grafana import grafana
from queue_telemetry.export.haproxy import haproxy
from queue_telemetry.export.kubernetes import kubernetes
from queue_telemetry.export.prometheus import prometheus
from queue_telemetry.export.statsd_exporter import statsd_exporter
from queue_telemetry.settings import Settings

__all__ = ["TARGETS", "exported"]

TARGETS: Final[Mapping[str, Callable[[Settings], list[File]]]] = {
    "grafana": grafana,
    "prometheus": prometheus,
    "datadog": datadog,
    "statsd-exporter": statsd_exporter,
    "carbon": carbon,
    "haproxy": haproxy,
    "kubernetes": kubernetes,
}
"""By its name on the command line, what writes the files for a system."""


def exported(settings: Settings, *targets: str) -> list[File]:
    """Return the files for some systems, or for all of them without any; each in a folder named as its system."""
    return [file for target in targets or TARGETS for file in TARGETS[target](settings)]
