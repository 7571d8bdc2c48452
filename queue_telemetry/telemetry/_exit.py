"""Closing at the end of a process: `atexit`, and for the children of `multiprocessing`, which run no atexit hooks."""

import atexit
import weakref
from collections.abc import Callable
from multiprocessing import util
from typing import Protocol

__all__ = ["Closable", "close_at_exit"]


class Closable(Protocol):
    """What has a last word to send."""

    def close(self, timeout_s: float = ...) -> bool:
        """Send it within a deadline."""


_registered: "weakref.WeakSet[Closable]" = weakref.WeakSet()


def close_at_exit(closable: Closable) -> None:
    """Have `closable.close()` called when this process ends by itself. Call it again in each forked child.

    `os._exit`, a signal that kills and a crash call nothing.

    Source: https://docs.python.org/3/library/multiprocessing.html (exits of children; `util.Finalize`)
    """
    last_words = weakref.WeakMethod(closable.close)
    if closable not in _registered:
        _registered.add(closable)
        atexit.register(_call, last_words)
    util.Finalize(None, _call, args=(last_words,), exitpriority=100)


def _call(last_words: "weakref.WeakMethod[Callable[..., bool]]") -> None:
    close = last_words()
    if close is not None:
        close()
