"""Telemetry for task queues: StatsD metrics, JSON logs to an HTTP collector, health from in-process counters."""
