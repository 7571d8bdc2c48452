"""The library's own voice: the stdlib logger `queue_telemetry`, at most one line a minute per cause.

Errors are printed to stderr where the application has not configured the stdlib's logging; warnings are not.

Never call it under a lock: the application's handlers run inside.
"""

import logging
import sys
import time
from contextlib import suppress
from typing import TextIO

__all__ = ["LOGGER", "say"]


class _LastResort(logging.StreamHandler[TextIO]):
    """Prints errors to stderr where nobody configured the stdlib's logging, as applications on loguru seldom do."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setLevel(logging.ERROR)
        self.setFormatter(logging.Formatter("%(name)s: %(levelname)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record unless the root logger has handlers, which have got it, but one of ours that passes it over."""
        heard = any(not getattr(handler, "passes_over_own_lines", False) for handler in logging.root.handlers)
        if not heard and sys.stderr is not None:
            self.stream = sys.stderr
            super().emit(record)


LOGGER = logging.getLogger("queue_telemetry")
LOGGER.addHandler(_LastResort())

_INTERVAL_S = 60.0
_last: dict[str, float] = {}  # bounded: causes are literals in this package


def say(cause: str, message: str, *args: object, level: int = logging.WARNING) -> None:
    """Log *message* unless the same *cause* was logged less than a minute ago. Must not raise.

    Args:
        cause: A literal that names what is wrong; one line a minute each.
        message: A `%s` style message.
        *args: Its arguments; never a secret, a token or a payload.
        level: A level of the stdlib's.
    """
    now = time.monotonic()
    last = _last.get(cause)
    if last is not None and now - last < _INTERVAL_S:
        return
    _last[cause] = now
    LOGGER.disabled = False  # `dictConfig` disables what it does not name; a level is how to silence us
    with suppress(Exception):  # the application's own handlers run here
        LOGGER.log(level, message, *args)
