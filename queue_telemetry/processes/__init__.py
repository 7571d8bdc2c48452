"""What the processes of one host share: a private folder, small numbers held by locks in it, and what each one tells."""

from queue_telemetry.processes.archive import Archive
from queue_telemetry.processes.census import Census, CensusTaker, Living
from queue_telemetry.processes.folding import Merge, fold, forget_unused, is_crowded, is_due
from queue_telemetry.processes.owner import Ownership
from queue_telemetry.processes.publication import Life
from queue_telemetry.processes.slot import Slot, acquire
from queue_telemetry.processes.state import State
from queue_telemetry.processes.state_dir import existing_dir, private_dir

__all__ = [
    "Archive",
    "Census",
    "CensusTaker",
    "Life",
    "Living",
    "Merge",
    "Ownership",
    "Slot",
    "State",
    "acquire",
    "existing_dir",
    "fold",
    "forget_unused",
    "is_crowded",
    "is_due",
    "private_dir",
]
