"""Records on disk: segments of this process, those of dead ones taken over, and a file of what was never taken."""

from queue_telemetry.logs.spool.dead_letters import DeadLetters
from queue_telemetry.logs.spool.place import Place
from queue_telemetry.logs.spool.spool import Spool

__all__ = ["DeadLetters", "Place", "Spool"]
