"""What the processes of one host share: a private folder, small numbers held by locks in it, and what each one tells.

Each part is loaded when it is asked for: a probe command needs few of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from queue_telemetry.processes.archive import Archive
    from queue_telemetry.processes.census import Census, CensusTaker
    from queue_telemetry.processes.folder import check_dir, user_dir
    from queue_telemetry.processes.folding import Merge, fold, forget_unused, is_crowded, is_due
    from queue_telemetry.processes.owner import Ownership
    from queue_telemetry.processes.publication import Life
    from queue_telemetry.processes.slot import Slot, acquire
    from queue_telemetry.processes.state import State
    from queue_telemetry.processes.state_dir import private_dir
    from queue_telemetry.processes.state_files import LastWord, living_states

__all__ = [
    "Archive",
    "Census",
    "CensusTaker",
    "LastWord",
    "Life",
    "Merge",
    "Ownership",
    "Slot",
    "State",
    "acquire",
    "check_dir",
    "fold",
    "forget_unused",
    "is_crowded",
    "is_due",
    "living_states",
    "private_dir",
    "user_dir",
]

_PARTS: Final = {
    "Archive": "archive",
    "Census": "census",
    "CensusTaker": "census",
    "Life": "publication",
    "LastWord": "state_files",
    "Merge": "folding",
    "Ownership": "owner",
    "Slot": "slot",
    "State": "state",
    "acquire": "slot",
    "check_dir": "folder",
    "fold": "folding",
    "forget_unused": "folding",
    "is_crowded": "folding",
    "is_due": "folding",
    "living_states": "state_files",
    "private_dir": "state_dir",
    "user_dir": "folder",
}


def __getattr__(name: str) -> object:
    """Load the part that has *name* (PEP 562)."""
    if name not in _PARTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_PARTS[name]}"), name)
    globals()[name] = value
    return value
