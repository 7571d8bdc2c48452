"""What the processes of one host share: a private folder, and small numbers held by locks in it."""

from queue_telemetry.processes.slot import Slot, acquire
from queue_telemetry.processes.state_dir import private_dir

__all__ = ["Slot", "acquire", "private_dir"]
