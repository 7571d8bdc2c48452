import logging
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from queue_telemetry._runtime import log, say


def test_a_cause_is_said_once_a_minute(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1_000.0
    monkeypatch.setattr(log, "time", SimpleNamespace(monotonic=lambda: now_s))
    for at_s in (1_000.0, 1_001.0, 1_059.9, 1_060.0, 1_061.0):
        now_s = at_s
        say("cause", "at %s", at_s)

    assert ["at 1000.0", "at 1060.0"] == said


def test_causes_do_not_silence_each_other(said: list[str]) -> None:
    say("first", "one")
    say("second", "two")

    assert ["one", "two"] == said


def test_the_level_is_the_callers(said: list[str], caplog: pytest.LogCaptureFixture) -> None:
    say("usual", "a")
    say("grave", "b", level=logging.ERROR)

    assert [logging.WARNING, logging.ERROR] == [record.levelno for record in caplog.records]


def test_a_handler_that_raises_hurts_nobody(
    said: list[str], with_handler: Callable[[logging.Handler], None]
) -> None:
    class Broken(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            raise ValueError("disk full")

    with_handler(Broken())
    say("cause", "hello")

    assert ["hello"] == said


_SAY = (
    "from queue_telemetry._runtime import say; import logging; say('cause', 'it is %s', 'bad', level={level})"
)


def _stderr_of(script: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=15, check=True
    ).stderr


def test_an_error_is_printed_where_nobody_configured_logging() -> None:
    assert "queue_telemetry: ERROR: it is bad\n" == _stderr_of(_SAY.format(level="logging.ERROR"))


@pytest.mark.parametrize("level", ["logging.WARNING", "logging.INFO"])
def test_less_than_an_error_is_not_printed(level: str) -> None:
    assert "" == _stderr_of(_SAY.format(level=level))


def test_an_application_that_configured_logging_gets_it_once_and_its_own_way() -> None:
    script = "import logging; logging.basicConfig(format='own %(message)s'); " + _SAY.format(
        level="logging.ERROR"
    )

    assert "own it is bad\n" == _stderr_of(script)


@pytest.mark.parametrize(
    ("handlers", "printed"),
    [("[]", "queue_telemetry: ERROR: it is bad\n"), ("['own']", "own it is bad\n")],
    ids=["nobody listens", "the root logger does"],
)
def test_an_error_is_heard_after_a_dict_config_that_does_not_name_us(handlers: str, printed: str) -> None:
    """Which disables every logger that it finds, unless told otherwise."""
    script = f"""
import logging.config, queue_telemetry._runtime
logging.config.dictConfig({{
    "version": 1,
    "formatters": {{"own": {{"format": "own %(message)s"}}}},
    "handlers": {{"own": {{"class": "logging.StreamHandler", "formatter": "own"}}}},
    "root": {{"handlers": {handlers}}},
}})
assert queue_telemetry._runtime.LOGGER.disabled
"""

    assert printed == _stderr_of(script + _SAY.format(level="logging.ERROR"))


def test_a_level_silences_us() -> None:
    script = "import logging; logging.getLogger('queue_telemetry').setLevel(logging.CRITICAL); "

    assert "" == _stderr_of(script + _SAY.format(level="logging.ERROR"))
