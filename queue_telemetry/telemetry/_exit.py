"""Closing at the end of a process: `atexit`, and for the children of `multiprocessing`, which run no atexit hooks."""

import atexit
import os
import time
import weakref
from multiprocessing import util
from typing import Final, Protocol

from queue_telemetry._runtime import say

__all__ = ["Closable", "close_at_exit"]


class Closable(Protocol):
    """What has a last word to send."""

    def close(self, timeout_s: float = ...) -> bool:
        """Send it within a deadline."""


_TOGETHER_S: Final = 5.0
_closables: "weakref.WeakSet[Closable]" = weakref.WeakSet()
_hooked_in: set[int] = set()  # this process and, in a forked child, those it descends from


def close_at_exit(closable: Closable) -> None:
    """Have `closable.close()` called when this process ends by itself. Call it again in each forked child.

    `os._exit`, a signal that kills and a crash call nothing.

    Source: https://docs.python.org/3/library/multiprocessing.html (exits of children; `util.Finalize`)
    """
    _closables.add(closable)
    if os.getpid() not in _hooked_in:
        if not _hooked_in:  # os.fork() hands the hook on
            atexit.register(_close_all)
        _hooked_in.add(os.getpid())
        util.Finalize(None, _close_all, exitpriority=100)


def _close_all() -> None:
    deadline_s = time.monotonic() + _TOGETHER_S
    for closable in list(_closables):
        try:
            closable.close(max(0.0, deadline_s - time.monotonic()))
        except Exception as error:  # noqa: BLE001 - the others have last words too
            say("exit", "closing at exit failed with %s", type(error).__name__)
