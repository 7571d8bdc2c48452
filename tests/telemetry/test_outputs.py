"""The outputs of one process: built whole or not at all, and what they call a loss."""

from collections.abc import Callable
from pathlib import Path

import pytest
from loguru import logger

from queue_telemetry._runtime import Clock, DropReason
from queue_telemetry.exceptions import ConfigurationError
from queue_telemetry.metrics import Batch
from queue_telemetry.settings import load
from queue_telemetry.telemetry import Telemetry
from queue_telemetry.telemetry._former_logs import FormerLogs
from queue_telemetry.telemetry._outputs import Outputs
from queue_telemetry.testing import Collector


class HandClock:
    """Turned by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.clock = Clock(monotonic=lambda: self.now_s, time=lambda: self.now_s)


@pytest.fixture
def hand() -> HandClock:
    return HandClock()


def _outputs(settings: dict[str, object], hand: HandClock) -> Outputs:
    return Outputs(load(**settings), hand.clock, lambda: True, owner=hand, former=FormerLogs())


def _lose(outputs: Outputs, reason: DropReason) -> None:
    batch = Batch()
    batch.drop(1, reason)
    outputs.add(batch)


def test_a_slot_is_taken_only_when_everything_else_is_right(
    settings: dict[str, object], hand: HandClock, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError):
        _outputs({**settings, "statsd_prefix": "p" * 150}, hand)

    assert not (tmp_path / "state").exists()


def test_outputs_that_live_together_have_slots_of_their_own(
    settings: dict[str, object], hand: HandClock, tmp_path: Path
) -> None:
    first, second = _outputs(settings, hand), _outputs(settings, hand)
    locks = sorted(lock.name for lock in (tmp_path / "state" / "slots").iterdir())
    first.close(1.0), second.close(1.0)

    assert ["0.lock", "1.lock"] == locks


@pytest.mark.parametrize(
    ("reason", "dropping"),
    [(DropReason.OVERFLOW, {"statsd"}), (DropReason.INVALID, set()), (DropReason.CLOSED, set())],
)
def test_only_losses_that_are_the_sinks_fault_count(
    settings: dict[str, object], hand: HandClock, reason: DropReason, dropping: set[str]
) -> None:
    outputs = _outputs(settings, hand)
    _lose(outputs, reason)

    assert dropping == outputs.failing()
    outputs.close(1.0)


def test_a_loss_is_over_a_minute_later_and_a_new_one_is_new(
    settings: dict[str, object], hand: HandClock
) -> None:
    outputs = _outputs(settings, hand)
    seen = []
    for advance_s in (0, 59, 2, 0):
        hand.now_s += advance_s
        if advance_s == 0:
            _lose(outputs, DropReason.OVERFLOW)
        seen.append(bool(outputs.failing()))
    outputs.close(1.0)

    assert [True, True, False, True] == seen


def test_closing_twice_is_closing_once(settings: dict[str, object], hand: HandClock) -> None:
    outputs = _outputs(settings, hand)

    assert (True, True) == (outputs.close(1.0), outputs.close(1.0))


def test_logs_that_cannot_be_delivered_are_failing_before_any_is_lost(
    make_telemetry: Callable[..., Telemetry],
) -> None:
    with Collector() as collector:
        collector.answer(*[503] * 50)
        telemetry = make_telemetry(log_url=collector.url, log_linger_s=0.01)
        with telemetry.run("work"):
            logger.info("hello")
        before = telemetry.health()
        for _ in range(20):  # each cuts a backoff short
            telemetry.flush(1.0)
            if telemetry.health().reasons:
                break
        after = telemetry.health()
        logs = after.telemetry["logs"]

        assert ((), ("telemetry_failing",), "degraded") == (before.reasons, after.reasons, after.status)
        assert ({}, logs["accepted"]) == (logs["dropped"], logs["pending"])
