"""The floor: the least that a wrapper which measures anything can do."""

import functools
import time
from collections.abc import Callable
from typing import Any

__all__ = ["coroutine", "function"]


def function(wrapped: Callable[..., Any]) -> Callable[..., Any]:
    """Return a plain function with two clock reads around it."""
    clock = time.monotonic

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        began_s = clock()
        try:
            return wrapped(*args, **kwargs)
        finally:
            clock() - began_s

    return functools.wraps(wrapped)(wrapper)


def coroutine(wrapped: Callable[..., Any]) -> Callable[..., Any]:
    """Return a coroutine function with two clock reads around it."""
    clock = time.monotonic

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        began_s = clock()
        try:
            return await wrapped(*args, **kwargs)
        finally:
            clock() - began_s

    return functools.wraps(wrapped)(wrapper)
