"""Lines as the encoder writes them."""

from collections.abc import Callable

import pytest

from queue_telemetry.logs._encoder import encode

_RECORD: dict[str, object] = {
    "timestamp": "2025-11-05T10:15:30.123456Z",
    "level": "INFO",
    "event": "task_completed",
    "message": 'said "h\u00e9"',
    "task_id": "123",
    "service": "billing",
    "env": "prod",
    "version": "1.2.3",
    "host": "h1",
    "pid": 71,
    "thread": "MainThread",
    "logger": "app.tasks",
    "function": "cleanup",
    "line": 12,
    "record_id": "r-1",
}


@pytest.fixture
def lines() -> Callable[..., bytearray]:
    """Makes lines: each argument changes one full record; None takes a field away."""

    def make(*changes: dict[str, object]) -> bytearray:
        result = bytearray()
        for change in changes:
            record = _RECORD | change
            result += encode({key: value for key, value in record.items() if value is not None})
        return result

    return make
