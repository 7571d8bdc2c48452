"""What other systems have to know of the metrics: dashboards, rules and mappings, written from the catalog and the settings."""

from queue_telemetry.export.targets import TARGETS, exported

__all__ = ["TARGETS", "exported"]
