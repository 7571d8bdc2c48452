"""Keep the HTTP library's own lines about our exchanges to itself: it writes the headers of answers, URLs with keys."""

import logging
from typing import Final

from queue_telemetry._runtime import is_guarded

__all__ = ["quieten"]

_LOGGERS: Final = ("httpcore.connection", "httpcore.http11", "httpcore.proxy")


class _WhileOurs(logging.Filter):
    """Drops what the library's own threads write; the application's use of the HTTP library stays as loud as it was."""

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - whatever it says
        return not is_guarded()


_FILTER: Final = _WhileOurs()


def quieten() -> None:
    """Put the filter on the HTTP library's loggers; any number of times."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_FILTER)
