"""What every other room stands on: clocks, threads, forks, accounting and the library's own log."""

from queue_telemetry._runtime.accounting import Delivery, DeliveryLedger, DropReason
from queue_telemetry._runtime.addresses import Address, look_up
from queue_telemetry._runtime.backoff import full_jitter_s
from queue_telemetry._runtime.bell import Bell
from queue_telemetry._runtime.clock import SYSTEM_CLOCK, Clock
from queue_telemetry._runtime.fork import ForkAware, register_fork_aware
from queue_telemetry._runtime.gate import Gate
from queue_telemetry._runtime.guard import guarded, is_guarded
from queue_telemetry._runtime.log import LOGGER, say
from queue_telemetry._runtime.owned_lock import OwnedLock
from queue_telemetry._runtime.thread import BackgroundLoop

__all__ = [
    "LOGGER",
    "SYSTEM_CLOCK",
    "Address",
    "BackgroundLoop",
    "Bell",
    "Clock",
    "Delivery",
    "DeliveryLedger",
    "DropReason",
    "ForkAware",
    "Gate",
    "OwnedLock",
    "full_jitter_s",
    "guarded",
    "is_guarded",
    "look_up",
    "register_fork_aware",
    "say",
]
