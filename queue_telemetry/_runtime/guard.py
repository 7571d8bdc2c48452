"""Marks the threads that do the library's own work, so that what they log is never shipped by them again.

Without it the HTTP client's own log line about a POST becomes a record, which becomes a POST, for ever.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["guarded", "is_guarded", "unguarded"]


class _Thread(threading.local):
    guarded = False  # on the class, so that the many threads that never set it need no missing attribute


_thread = _Thread()


@contextmanager
def guarded() -> Generator[None]:
    """Do telemetry work on this thread: records born inside the block are not shipped. Nests."""
    outer = is_guarded()
    _thread.guarded = True
    try:
        yield
    finally:
        _thread.guarded = outer


@contextmanager
def unguarded() -> Generator[None]:
    """Write a record of the library's own that is to be shipped, from one of its threads. It must cause no other one."""
    outer = is_guarded()
    _thread.guarded = False
    try:
        yield
    finally:
        _thread.guarded = outer


def is_guarded() -> bool:
    """Tell whether this thread is doing telemetry work now."""
    return _thread.guarded
