"""The operations on a queue: decorators and scopes, how a run ended, and the lifecycle records."""

from queue_telemetry.tasks.claim import Claim, Taken
from queue_telemetry.tasks.context import current_run
from queue_telemetry.tasks.enqueue import Enqueue
from queue_telemetry.tasks.lifecycle import EVENTS_BY_SETTING
from queue_telemetry.tasks.operations import Operations, TaskDecorator
from queue_telemetry.tasks.outcomes import Outcome, Reason
from queue_telemetry.tasks.probes import BrokerProbe, BrokerProbes, QueueGauge
from queue_telemetry.tasks.record_fields import add_task_context, record_fields, record_owner
from queue_telemetry.tasks.run import Run
from queue_telemetry.tasks.series import TaskSeries
from queue_telemetry.tasks.tracker import Tracker
from queue_telemetry.tasks.workers import WorkerScope

__all__ = [
    "EVENTS_BY_SETTING",
    "BrokerProbe",
    "BrokerProbes",
    "Claim",
    "Enqueue",
    "Operations",
    "Outcome",
    "QueueGauge",
    "Reason",
    "Run",
    "Taken",
    "TaskDecorator",
    "TaskSeries",
    "Tracker",
    "WorkerScope",
    "add_task_context",
    "current_run",
    "record_fields",
    "record_owner",
]
